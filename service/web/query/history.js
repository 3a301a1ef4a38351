// The last searches, in this browser only.

import * as storage from "./storage.js";

const STORED = "likebut:history";

/** Returns the last searches, the newest first: {address, label, item: of the first image, if it is a product}. */
export const list = () => storage.read(STORED).filter((entry) => typeof entry?.address === "string" && typeof entry.label === "string");

/** Adds a search; one that it continues, or the same one before, is replaced. */
export function record(entry) {
  const before = list().filter(({ address }, at) => address !== entry.address && !(at === 0 && entry.address.startsWith(`${address}&`)));
  storage.write(STORED, [entry, ...before]);
}

/** Forgets all searches. */
export const clear = () => storage.write(STORED, []);
