// The key of a shop that needs one, stored in this tab. It is sent in a header and never in a cookie, so that no foreign
// page can make a browser send it. An <img> sends no headers, so images are fetched by script if there is a key.

const STORED = "likebut:key";
let memory = ""; // if storage is forbidden: the key then lasts until the page is left

/** Returns the key, empty if there is none. */
export function storedKey() {
  try {
    return sessionStorage.getItem(STORED) ?? memory;
  } catch {
    return memory;
  }
}

/** Stores a key for this tab. */
export function storeKey(key) {
  memory = key;
  try {
    sessionStorage.setItem(STORED, key);
  } catch {
    // it is in memory
  }
}

/** Returns the headers with the key, if there is one. */
export const withKey = (headers = {}) => (storedKey() ? { ...headers, Authorization: `Bearer ${storedKey()}` } : headers);

const waiting = new Map(); // image → URL, until it comes near the screen
const near = new IntersectionObserver((entries) => entries.filter((entry) => entry.isIntersecting).forEach(({ target }) => load(target)), { rootMargin: "600px" });

/** Sets the source of an image, fetched with the key if there is one, and returns the image. */
export function setSource(image, url) {
  if (storedKey() && url.startsWith("images/")) {
    waiting.set(image, url);
    near.observe(image);
  } else image.src = url;
  return image;
}

async function load(image) {
  const url = waiting.get(image);
  waiting.delete(image);
  near.unobserve(image);
  try {
    const response = await fetch(url, { headers: withKey() });
    if (!response.ok) throw new Error(response.statusText);
    const source = URL.createObjectURL(await response.blob());
    for (const end of ["load", "error"]) image.addEventListener(end, () => URL.revokeObjectURL(source), { once: true });
    image.loading = "eager"; // a lazy image that leaves the page would never load, and its URL would never be revoked
    image.src = source;
  } catch {
    image.dispatchEvent(new Event("error"));
  }
}
