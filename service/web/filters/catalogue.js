// What the shop sells by: the attributes to filter and sort by, chosen from those of its items, and its settings.

import { hasText, t } from "../messages.js";

const VALUES = [2, 60]; // number of different values of an attribute that shoppers choose from
const KNOWN = new Set(["brand", "category", "colour", "color", "size", "sizes", "material", "product_type"]); // even with many values
const MOST_VALUES = 500;
const MOST = 12; // attributes with values, and ranges
const APART = new Set(["id", "title", "name", "link", "currency", "image", "description", "in_stock", "and", "or", "not", "attribute"]);
const FIRST = ["category", "product_type", "brand", "colour", "color", "size", "sizes", "pattern", "material", "audience", "gender"];
const SORTABLE_NAMES = 100_000; // different texts that the service sorts

/** Filled by `load`: attributes {name, type, values} to choose values of, attributes with ranges, and what there is to sort by. */
export const catalogue = { facets: [], ranges: [], hasStock: false, price: null, name: null, settings: {} };

/** Fetches the attributes of the items with a function as `fetchJson`; without them, there are no filters. */
export async function load(fetchJson) {
  const [listed, settings] = await Promise.all([fetchJson("attributes").catch(() => ({ attributes: [], total: 0 })), fetchJson("storefront").catch(() => ({}))]);
  catalogue.settings = settings;
  const common = listed.attributes.filter(({ name, items }) => !APART.has(name) && items * 2 >= listed.total);
  const place = ({ name }) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
  catalogue.facets = common.filter(({ name, type, values }) => {
    const most = KNOWN.has(name) ? MOST_VALUES : VALUES[1];
    return (type === "text" || type === "list of texts" || type === "boolean") && values >= VALUES[0] && values <= most;
  }).sort((one, other) => place(one) - place(other)).slice(0, MOST);
  const numbers = common.filter(({ type, values }) => (type === "number" || type === "integer") && values > 2);
  catalogue.ranges = numbers.sort((one, other) => (other.name === "price") - (one.name === "price")).slice(0, 3);
  catalogue.hasStock = listed.attributes.some(({ name, type }) => name === "in_stock" && type === "boolean");
  catalogue.price = numbers.find(({ name }) => name === "price")?.name ?? null;
  catalogue.name = ["title", "name"].find((name) => listed.attributes.some((one) => one.name === name && one.type === "text" && one.values <= SORTABLE_NAMES)) ?? null;
}

/** Returns the facets to ask the service for: all, or those of some attributes. */
export function facets(names = null) {
  const chosen = (attribute) => names === null || names.includes(attribute.name);
  return [
    ...catalogue.facets.filter(chosen).map(({ name }) => ({ name, limit: MOST_VALUES })),
    ...catalogue.ranges.filter(chosen).map(({ name }) => ({ name, limit: 1 })), // only its least and most count
    ...(catalogue.hasStock && names === null ? ["in_stock"] : []),
  ];
}

/** Returns the name of an attribute as shoppers read it. */
export function label(name) {
  if (hasText(`attribute_${name}`)) return t(`attribute_${name}`);
  const words = name.replace(/^g:/, "").replaceAll("_", " ").trim();
  return words.charAt(0).toLocaleUpperCase() + words.slice(1);
}

/** Returns a value of an attribute as shoppers read it. */
export function valueLabel(value) {
  return value === true || value === "true" ? t("yes") : value === false || value === "false" ? t("no") : String(value);
}
