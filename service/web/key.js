// The key of a shop that asks for one, kept in this tab. It travels in a header and never in a cookie, so that no foreign
// page can make a browser send it; pictures are fetched with it for that reason, since an <img> sends no headers.

const KEPT = "likebut:key";
let memory = ""; // where storage is forbidden: the key then lives until the page is left

/** The key, empty where none was given. */
export function kept() {
  try {
    return sessionStorage.getItem(KEPT) ?? memory;
  } catch {
    return memory;
  }
}

/** Keeps a key for this tab. */
export function keep(key) {
  memory = key;
  try {
    sessionStorage.setItem(KEPT, key);
  } catch {
    // it is in memory
  }
}

/** The given headers, and the key where there is one. */
export const withKey = (headers = {}) => (kept() ? { ...headers, Authorization: `Bearer ${kept()}` } : headers);

const waiting = new Map(); // image → address, until it comes near the screen
const near = new IntersectionObserver((seen) => seen.filter((each) => each.isIntersecting).forEach(({ target }) => load(target)), { rootMargin: "600px" });

/** Gives an image its picture, with the key where there is one, and gives the image back. */
export function pictured(image, url) {
  if (kept() && url.startsWith("/images/")) {
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
    image.loading = "eager"; // a lazy one that leaves the page would never load, nor free what it holds
    image.src = source;
  } catch {
    image.dispatchEvent(new Event("error"));
  }
}
