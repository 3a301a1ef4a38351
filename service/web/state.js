// The query, kept in the address of the page.

import * as choices from "./filters/choices.js";
import * as references from "./query/references.js";

/** The limits of the service, as GET /limits returns them; before that, or if it fails, its defaults. `most` products are restored. */
export const limits = { page: 24, most: 960, request: 100, imageBytes: 10_000_000 };
const MOST_WISHES = 20;
const MOST_LITERAL = 20;

/** Sets the limits of the service. */
export function setLimits({ max_k: k, max_image_bytes: bytes }) {
  limits.page = Math.min(limits.page, k);
  limits.request = k;
  limits.imageBytes = bytes;
}

/** The query without anything chosen. */
export const EMPTY = {
  references: [], less: [], but: [], words: null, literal: [], choices: choices.NONE, product: null, favourites: false,
};

/**
 * Returns the query in an address: {references, less: images to be unlike, but: [wishes], words: weight of the words, literal: phrases
 * that are no facts, k, choices, product: of the open dialog, favourites: whether to show these}.
 */
export function read(text = location.search) {
  const address = new URLSearchParams(text);
  const k = Number.parseInt(address.get("k") ?? "", 10);
  const words = Number.parseFloat(address.get("words") ?? "");
  const texts = (name) => address.getAll(name).map((wish) => wish.trim()).filter(Boolean);
  return {
    ...references.read(address),
    but: texts("but").slice(0, MOST_WISHES),
    words: words >= 0 && words <= 1 ? words : null,
    literal: texts("literal").slice(0, MOST_LITERAL),
    k: Number.isFinite(k) ? Math.min(Math.max(k, 1), limits.most) : limits.page,
    choices: choices.read(address),
    product: address.get("product") || null,
    favourites: address.has("favourites"),
  };
}

/** Returns the address of a query, relative to the page. */
export function address(state) {
  const parameters = new URLSearchParams();
  const language = new URLSearchParams(location.search).get("lang");
  if (language) parameters.set("lang", language);
  references.write(parameters, state);
  for (const wish of state.but) parameters.append("but", wish);
  if (state.words !== null) parameters.set("words", String(state.words));
  for (const phrase of state.literal) parameters.append("literal", phrase);
  choices.write(parameters, state.choices);
  if (state.favourites) parameters.set("favourites", "");
  if (state.product) parameters.set("product", state.product);
  if (state.k !== limits.page) parameters.set("k", String(state.k));
  const text = parameters.toString().replace("favourites=", "favourites");
  return text ? `./?${text}` : "./";
}

/** Returns a query with what is left out: empty. Without an image or a wish, nothing is left that changes them. */
export function complete(changed) {
  const query = { ...EMPTY, k: limits.page, ...changed };
  return hasQuery(query) ? { ...query, favourites: false } : { ...query, less: [], words: null, literal: [] };
}

/** Returns whether the shopper chose filters. */
export const isFiltered = (state) => choices.filtered(state.choices).length > 0;

/** Returns whether the query is not empty; images to be unlike alone are no query. */
export const hasQuery = (state) => state.references.length > 0 || state.but.length > 0;
