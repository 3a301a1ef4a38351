// Requests to the service: the answer to a query, and failures as sentences for the shopper.

import { conditions } from "./choices.js";
import { storedKey, storeKey, withKey } from "./key.js";
import { failure, failureOf } from "./problems.js";
import * as state from "./state.js";
import { keyDialog } from "./view.js";

let prompt = null; // the promise of a key, while its dialog is open

/** Returns the answer to a query, or a page of the gallery if it is empty; only that page skips the first `known` items. */
export async function answer(query, signal, { known = 0 } = {}) {
  if (!state.hasQuery(query)) {
    const page = await fetchJson(`browse?offset=${known}&limit=${Math.max(1, query.k - known)}`, { signal });
    return { items: page.items, total: page.total, browsing: true };
  }
  const words = query.but.join(", ");
  const body = { k: query.k, ...(words && { text: words }), ...(query.item && { image: { item_id: query.item } }), ...conditions(query) };
  let request = { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  if (query.upload) {
    const image = state.storedImage(query.upload);
    if (!image) throw failure("error_image_lost");
    const form = new FormData();
    form.set("image", image.blob, "image");
    if (words) form.set("text", words);
    form.set("query", JSON.stringify({ ...body, text: undefined }));
    request = { body: form };
  }
  const result = await fetchJson("search", { method: "POST", signal, ...request });
  return { items: result.hits, took: result.took_ms, notes: result.notes };
}

/** Returns the JSON at a path relative to the page; throws an error for the shopper, with `again` if a retry may help, `locked` without a key. */
export async function fetchJson(path, options = {}) {
  const key = storedKey();
  let response;
  try {
    response = await fetch(path, { ...options, headers: withKey(options.headers) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw failure("error_unreachable", true);
  }
  if (response.status === 401) {
    if (key === storedKey()) await (prompt ??= promptKey(key).finally(() => { prompt = null; })); // else there is a new one
    return fetchJson(path, options);
  }
  const body = await response.json().catch(() => ({}));
  if (response.ok) return body;
  throw failureOf(response.status, body);
}

/** Opens the dialog for a key other than `refused`; throws if it is closed. */
function promptKey(refused) {
  return new Promise((resolve, reject) => {
    keyDialog({
      refused: Boolean(refused),
      give: (key) => { storeKey(key); resolve(); },
      leave: () => reject(Object.assign(failure("error_locked", true), { locked: true })),
    });
  });
}
