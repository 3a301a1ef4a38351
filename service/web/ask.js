// Requests to the service: what a query sends, and failures as sentences for the shopper.

import { storedKey, storeKey, withKey } from "./key.js";
import { failure, failureOf } from "./problems.js";
import * as state from "./state.js";
import { keyDialog } from "./view.js";

let prompt = null; // the promise of a key, while its dialog is open

/** Returns the members of a search body that say what a query looks for, its images and its words. */
export async function members(query) {
  const words = query.but.join(", ");
  const image = query.upload ? { base64: await base64(query.upload) } : { item_id: query.item };
  return { ...(words && { text: words }), ...((query.upload || query.item) && { image }) };
}

async function base64(key) {
  const image = state.storedImage(key);
  if (!image) throw failure("error_image_lost");
  return state.dataUrl(image.blob);
}

/** Sends JSON to a path and returns the JSON that it answers, as `fetchJson` does. */
export const postJson = (path, body, signal) =>
  fetchJson(path, { method: "POST", signal, body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });

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
