// What the shopper chose among the products: filters and their order, in the address and in a search.

import { catalogue } from "./catalogue.js";

/**
 * Nothing chosen. `values` has the chosen values of each attribute, as texts, `ranges` {gte, lte} of numbers; `stock` is "in" for
 * products in stock only, or "last" for sold out ones at the end; `sort` is "price", "-price" or "name".
 */
export const NONE = { values: {}, ranges: {}, stock: null, sort: null };
export const STOCK = "in_stock"; // the name of its attribute

const VALUES = "f."; // before the name of an attribute in the address
const RANGE = "r.";
/** The first hits of a ranking by similarity that are sorted: later ones are too unlike to be among the cheapest. */
export const SORTED = 100;
const WINDOW = 1000; // the most that the service arranges

/** Returns the choices in the parameters of an address. */
export function read(parameters) {
  const stock = parameters.get("stock");
  const choices = { values: {}, ranges: {}, stock: ["in", "last"].includes(stock) ? stock : null, sort: parameters.get("sort") || null };
  for (const [name, value] of parameters) {
    if (name.startsWith(VALUES)) (choices.values[name.slice(VALUES.length)] ??= []).push(value);
    const bounds = name.startsWith(RANGE) && /^(-?\d+(?:\.\d+)?)?_(-?\d+(?:\.\d+)?)?$/.exec(value);
    if (bounds) choices.ranges[name.slice(RANGE.length)] = bounded(...bounds.slice(1).map((bound) => (bound === undefined ? null : Number(bound))));
  }
  return choices;
}

/** Writes choices into the parameters of an address. */
export function write(parameters, { values, ranges, stock, sort }) {
  for (const [name, chosen] of Object.entries(values)) for (const value of chosen) parameters.append(VALUES + name, value);
  for (const [name, { gte = "", lte = "" }] of Object.entries(ranges)) if (gte !== "" || lte !== "") parameters.set(RANGE + name, `${gte}_${lte}`);
  if (stock) parameters.set("stock", stock);
  if (sort) parameters.set("sort", sort);
}

/** Returns a range without the bounds that are null. */
export const bounded = (gte, lte) => ({ ...(gte !== null && { gte }), ...(lte !== null && { lte }) });

/** Returns the names of the attributes that the choices filter by and the shop knows. */
export function filtered({ values, ranges, stock }) {
  return [
    ...catalogue.facets.map(({ name }) => name).filter((name) => values[name]?.length),
    ...catalogue.ranges.map(({ name }) => name).filter((name) => Object.keys(ranges[name] ?? {}).length),
    ...(stock === "in" && catalogue.hasStock ? [STOCK] : []),
  ];
}

/** Returns the filter of a search for the choices, of all attributes but one. */
export function filter(choices, without = null) {
  const conditions = {};
  for (const name of filtered(choices)) {
    if (name === without) continue;
    const attribute = catalogue.facets.find((one) => one.name === name);
    if (name === STOCK) conditions[name] = true;
    else if (!attribute) conditions[name] = choices.ranges[name];
    else conditions[name] = choices.values[name].map((value) => (attribute.type === "boolean" ? value === "true" : value));
  }
  return conditions;
}

/** Returns the keys that a search sorts by; none if the shop has no such attribute. */
export function sort({ sort: by }) {
  if (by === "price" && catalogue.price) return [{ attribute: catalogue.price }];
  if (by === "-price" && catalogue.price) return [{ attribute: catalogue.price, order: "desc" }];
  return by === "name" && catalogue.name ? [{ attribute: catalogue.name }] : [];
}

/** Returns the filter of what comes last, empty if the shopper did not choose it. */
export const last = ({ stock }) => (stock === "last" && catalogue.hasStock ? { [STOCK]: false } : {});

/** Returns the members of a search body that filter and order the ranking of a query; none that are empty. */
export function conditions(choices) {
  const members = { filter: filter(choices), sort: sort(choices), last: last(choices) };
  const arranged = members.sort.length ? { window: SORTED } : Object.keys(members.last).length ? { window: WINDOW } : {};
  return { ...Object.fromEntries(Object.entries(members).filter(([, value]) => Object.keys(value).length)), ...arranged };
}
