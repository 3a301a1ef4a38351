// What the shopper chose among the products: filters and their order, in the address and in a search.

/** Nothing chosen. `values` has the chosen values of each attribute, `ranges` {gte, lte} of numbers, `sort` "price" or "-price". */
export const NONE = { values: {}, ranges: {}, inStock: false, sort: null };

const VALUES = "f."; // before the name of an attribute in the address
const RANGE = "r.";

/** Returns the choices in the parameters of an address. */
export function read(parameters) {
  const choices = { values: {}, ranges: {}, inStock: parameters.get("stock") === "in", sort: parameters.get("sort") || null };
  for (const [name, value] of parameters) {
    if (name.startsWith(VALUES)) (choices.values[name.slice(VALUES.length)] ??= []).push(value);
    const bounds = name.startsWith(RANGE) && /^(-?[\d.]+)?_(-?[\d.]+)?$/.exec(value);
    if (bounds) {
      const [gte, lte] = bounds.slice(1).map((bound) => (bound === undefined ? undefined : Number(bound)));
      if (!Number.isNaN(gte ?? 0) && !Number.isNaN(lte ?? 0)) choices.ranges[name.slice(RANGE.length)] = { ...(gte !== undefined && { gte }), ...(lte !== undefined && { lte }) };
    }
  }
  return choices;
}

/** Writes choices into the parameters of an address. */
export function write(parameters, { values, ranges, inStock, sort }) {
  for (const [name, chosen] of Object.entries(values)) for (const value of chosen) parameters.append(VALUES + name, value);
  for (const [name, { gte = "", lte = "" }] of Object.entries(ranges)) parameters.set(RANGE + name, `${gte}_${lte}`);
  if (inStock) parameters.set("stock", "in");
  if (sort) parameters.set("sort", sort);
}

/** Returns the members of a search body that the choices of a query set. */
export const conditions = () => ({});
