// What shoppers see and do, as events of the document, and as small batches to the shop's address if it has one.
//
// Nothing is stored, and nothing names the shopper: no cookie, no identifier, no image that was uploaded.

const BATCH = 20; // events that are sent together at most
const WAIT_MS = 2000; // until events are sent that do not fill a batch
let address = null;
let waiting = [];
let timer = null;

/** Sends events to this address from now on; null sends none. */
export function sendTo(url) {
  address = url || null;
}

/** The products of a search were shown: their ids, best first. */
export const shown = (ids, query) => tell("shown", { ids, query });

/** A product was opened; `rank` counts from 1, null outside of a list. */
export const clicked = (id, rank, query) => tell("clicked", { id, rank, query });

/** A product was added to the basket. Returns false if a listener has prevented what the page would do itself. */
export const added = (id, query) => tell("added", { id, query });

function tell(type, facts) {
  const event = new CustomEvent(`likebut:${type}`, { detail: facts, cancelable: true });
  const proceeds = document.dispatchEvent(event);
  if (address) {
    waiting.push({ type, at: new Date().toISOString(), ...facts });
    if (waiting.length >= BATCH) send();
    else timer ??= setTimeout(send, WAIT_MS);
  }
  return proceeds;
}

function send() {
  clearTimeout(timer);
  timer = null;
  if (!waiting.length || !address) return;
  const body = JSON.stringify({ events: waiting.splice(0, BATCH) });
  // text/plain, since another type would need the other origin's leave (CORS) before each batch
  if (!navigator.sendBeacon?.(address, new Blob([body], { type: "text/plain" }))) waiting = [];
  if (waiting.length) timer = setTimeout(send, 0);
}

document.addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden") send(); });
