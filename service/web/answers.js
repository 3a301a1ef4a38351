// The answer to a query: which searches it takes, and what they say together.

import { fetchJson, items, members, postJson } from "./ask.js";
import { conditions } from "./choices.js";
import * as liked from "./query/favourites.js";
import * as state from "./state.js";

/** Returns the answer to a query, or a page of the gallery if it is empty; only that page skips the first `known` items. */
export async function answer(query, signal, { known = 0 } = {}) {
  if (query.favourites) return { items: await favourites(signal), favourites: true };
  if (!state.hasQuery(query)) {
    const page = await fetchJson(`browse?offset=${known}&limit=${Math.max(1, query.k - known)}`, { signal });
    return { items: page.items, total: page.total, browsing: true };
  }
  const result = await postJson("search", { k: query.k, ...(await members(query)), ...conditions(query) }, signal);
  return { items: result.hits, took: result.took_ms, notes: result.notes, understood: result.understood };
}

/** Returns the favourite products; those that are no longer in the shop are no favourites any more. */
async function favourites(signal) {
  const ids = liked.list();
  const products = await items(ids, signal);
  liked.forget(ids.filter((_, at) => products[at] === null));
  return products.filter(Boolean);
}
