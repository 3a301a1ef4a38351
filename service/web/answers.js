// The answer to a query: which searches it takes, and what they say together.

import { fetchJson, members, postJson } from "./ask.js";
import { conditions } from "./choices.js";
import * as state from "./state.js";

/** Returns the answer to a query, or a page of the gallery if it is empty; only that page skips the first `known` items. */
export async function answer(query, signal, { known = 0 } = {}) {
  if (!state.hasQuery(query)) {
    const page = await fetchJson(`browse?offset=${known}&limit=${Math.max(1, query.k - known)}`, { signal });
    return { items: page.items, total: page.total, browsing: true };
  }
  const result = await postJson("search", { k: query.k, ...(await members(query)), ...conditions(query) }, signal);
  return { items: result.hits, took: result.took_ms, notes: result.notes, understood: result.understood };
}
