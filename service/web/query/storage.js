// Short lists in the browser of the shopper: nothing of them is sent anywhere.

/** The most entries of a list. */
export const MOST = 50;

/** Returns the list of a name; empty if there is none, or if storage is forbidden. */
export function read(name) {
  try {
    const list = JSON.parse(localStorage.getItem(name) ?? "[]");
    return Array.isArray(list) ? list.slice(0, MOST) : [];
  } catch {
    return [];
  }
}

/** Stores the first entries of a list; returns whether it is stored. */
export function write(name, list) {
  try {
    if (list.length) localStorage.setItem(name, JSON.stringify(list.slice(0, MOST)));
    else localStorage.removeItem(name);
    return true;
  } catch {
    return false; // storage is full or forbidden
  }
}
