// Images and links that are pasted, or dragged from a folder, another page or the results.

const DATA = /^data:(image\/[\w.+-]+);base64,(.+)$/s;
const LONGEST_URL = 2000;

/** Returns what is carried: {file}, {item: id of a product of this shop}, {url}, or null. */
export function read(carried) {
  const files = [...(carried?.files ?? [])];
  if (files.length) return { file: files.find(({ type }) => type.startsWith("image/")) ?? files[0] };
  const [image, link] = [imageOf(carried?.getData("text/html") ?? ""), lines(carried?.getData("text/uri-list") ?? "")[0]];
  return fromUrl(image ?? "") ?? fromUrl(link ?? "");
}

/** Returns what an address stands for, as `read` does; null if it is no address alone. */
export function fromUrl(text) {
  const address = text.trim();
  const data = DATA.exec(address);
  if (data) return { file: new File([Uint8Array.from(atob(data[2]), (letter) => letter.charCodeAt(0))], "image", { type: data[1] }) };
  if (!/^https?:\/\/\S+$/i.test(address) || address.length > LONGEST_URL || !URL.canParse(address)) return null;
  const url = new URL(address);
  const home = new URL("./", document.baseURI);
  if (!url.href.startsWith(home.href)) return { url: url.href };
  const image = /^images\/([^/]+)$/.exec(url.pathname.slice(home.pathname.length));
  const id = image ? decodeURIComponent(image[1]) : url.searchParams.get("item") ?? url.searchParams.get("product");
  return id ? { item: id } : null;
}

const lines = (text) => text.split(/\r?\n/).filter((line) => line && !line.startsWith("#"));

/** Returns the address of the only image in HTML; the document is inert, so nothing is loaded. */
function imageOf(html) {
  const images = html ? [...new DOMParser().parseFromString(html, "text/html").images] : [];
  return images.length === 1 ? images[0].getAttribute("src") : null;
}

/** Calls `take` with what is pasted or dropped, unless `isBlocked`; shows `over` while something is dragged over the page. */
export function watch({ over, isBlocked, take }) {
  let depth = 0; // dragenter minus dragleave events: every element below sends its own
  const carries = ({ dataTransfer }) => ["Files", "text/uri-list"].some((type) => [...(dataTransfer?.types ?? [])].includes(type));
  document.addEventListener("dragenter", (event) => { if (carries(event)) { depth += 1; over.hidden = isBlocked(); } });
  document.addEventListener("dragleave", () => { depth = Math.max(0, depth - 1); if (depth === 0) over.hidden = true; });
  document.addEventListener("dragend", () => { depth = 0; over.hidden = true; });
  document.addEventListener("dragover", (event) => { if (carries(event)) event.preventDefault(); });
  document.addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    depth = 0;
    over.hidden = true;
    if (!isBlocked()) take(read(event.dataTransfer));
  });
  document.addEventListener("paste", (event) => {
    if (isBlocked()) return;
    const isImage = [...(event.clipboardData?.files ?? [])].some(({ type }) => type.startsWith("image/"));
    const carried = isImage ? read(event.clipboardData) : fromUrl(event.clipboardData?.getData("text/plain") ?? "");
    if (!carried) return; // text is pasted as usual
    event.preventDefault();
    take(carried);
  });
}
