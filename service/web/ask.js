// Asking the service: what an address stands for, and its failures as sentences for a person.

import { keep, kept, withKey } from "/web/key.js";
import * as state from "/web/state.js";
import { keyDialog } from "/web/view.js";

let given = null; // the promise of a key that the person is asked for

/** What the service finds; browsing leaves out the first `known`, a search cannot. */
export async function answer(asked, signal, { known = 0 } = {}) {
  if (!state.asks(asked)) {
    const found = await fetched(`/browse?offset=${known}&limit=${Math.max(1, asked.k - known)}`, { signal });
    return { items: found.items, total: found.total, browsing: true };
  }
  const words = asked.but.join(", ");
  let sent;
  if (asked.upload) {
    const picture = state.kept(asked.upload);
    if (!picture) throw failure("Your picture lived only in the tab where you chose it. Drop it here again, or take it back.");
    const form = new FormData();
    form.set("image", picture.blob, "picture");
    if (words) form.set("text", words);
    form.set("k", String(asked.k));
    sent = { body: form };
  } else {
    const body = { k: asked.k, ...(words && { text: words }), ...(asked.item && { image: { item_id: asked.item } }) };
    sent = { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  }
  const found = await fetched("/search", { method: "POST", signal, ...sent });
  return { items: found.hits, took: found.took_ms, notes: found.notes };
}

/** The JSON at a path; throws a sentence for a person, with `again` where asking again may help, `locked` without a key. */
export async function fetched(path, options = {}) {
  const key = kept();
  let response;
  try {
    response = await fetch(path, { ...options, headers: withKey(options.headers) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw failure("The shop cannot be reached just now.", true);
  }
  if (response.status === 401) {
    if (key === kept()) await (given ??= keyGiven(key).finally(() => { given = null; })); // else it has just been given
    return fetched(path, options);
  }
  const body = await response.json().catch(() => ({}));
  if (response.ok) return body;
  const detail = body.detail || `The shop answered with ${response.status}.`;
  throw failure(detail[0].toUpperCase() + detail.slice(1) + (/[.!?]$/.test(detail) ? "" : "."), response.status === 429 || response.status >= 500);
}

/** Asks the person for another key than `refused`; throws where they close the dialog. */
function keyGiven(refused) {
  return new Promise((give, fail) => {
    keyDialog({
      refused: Boolean(refused),
      give: (key) => { keep(key); give(); },
      leave: () => fail(Object.assign(failure("This shop opens with a key only.", true), { locked: true })),
    });
  });
}

function failure(message, again = false) {
  return Object.assign(new Error(message), { again });
}
