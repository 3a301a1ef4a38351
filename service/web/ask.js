// Requests to the service: what a query sends, and failures as sentences for the shopper.

import { storedKey, storeKey, withKey } from "./key.js";
import { failure, failureOf } from "./problems.js";
import * as references from "./query/references.js";
import * as state from "./state.js";
import { keyDialog } from "./view.js";

const AT_ONCE = 6; // requests for single products
let prompt = null; // the promise of a key, while its dialog is open

/** Returns the members of a search body that say what a query looks for, its images and its words; throws an error for the shopper. */
export async function members(query) {
  const { but, words, literal } = query;
  const hasBoth = but.length > 0 && query.references.length > 0;
  return {
    ...(but.length === 1 ? { text: but[0] } : but.length > 1 ? { steps: but } : {}),
    ...await references.members(query, state.limits.imageBytes),
    ...(hasBoth && words !== null && { text_weight: words }),
    ...(literal.length > 0 && { literal }),
  };
}

/** Returns the products of some ids, null for those that are no longer in the shop. */
export async function items(ids, signal) {
  const answers = [];
  const item = (id) => fetchJson(`items/${encodeURIComponent(id)}`, { signal }).catch((error) => {
    if (error.isGone) return null;
    throw error;
  });
  while (answers.length < ids.length) answers.push(...await Promise.all(ids.slice(answers.length, answers.length + AT_ONCE).map(item)));
  return answers;
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
  const body = await response.json().catch((error) => {
    if (!response.ok) return {};
    throw error.name === "AbortError" ? error : failure("error_unreachable", true); // the body was cut off
  });
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
