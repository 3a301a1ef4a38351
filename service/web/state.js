// What is being looked for, kept in the address; and uploaded pictures, kept in this tab.

/** What the service accepts, as GET /limits says; until it is asked, and where it cannot be, its usual limits. */
export const limits = { page: 24, most: 192, imageBytes: 10_000_000 };
const STORED = "likebut:upload:";
const LARGE_BYTES = 3_000_000; // above this a picture is made smaller before it travels
const SIDES_PX = [1600, 1024, 640, 320];
const SENT_AS_THEY_ARE = new Set(["image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"]);

/** Takes over the service's own limits. */
export function limited({ max_k: k, max_image_bytes: bytes }) {
  limits.page = Math.min(limits.page, k);
  limits.most = Math.min(limits.most, k);
  limits.imageBytes = bytes;
}

/** The query that the address names: {item, upload, but: [wishes], k}. */
export function read() {
  const address = new URLSearchParams(location.search);
  const k = Number.parseInt(address.get("k") ?? "", 10);
  return {
    item: address.get("item") || null,
    upload: address.get("item") ? null : address.get("upload") || null,
    but: address.getAll("but").map((wish) => wish.trim()).filter(Boolean),
    k: Number.isFinite(k) ? Math.min(Math.max(k, 1), limits.most) : limits.page,
  };
}

/** The address of a query. */
export function address(state) {
  const found = new URLSearchParams();
  if (state.item) found.set("item", state.item);
  if (state.upload) found.set("upload", state.upload);
  for (const wish of state.but) found.append("but", wish);
  if (state.k !== limits.page) found.set("k", String(state.k));
  const text = found.toString();
  return text ? `/?${text}` : "/";
}

/** Whether anything is asked for. */
export const asks = (state) => Boolean(state.item || state.upload || state.but.length);

const pictures = new Map(); // key → {blob, url}

/** Keeps a picture for this tab and gives the key that stands for it in the address; throws a sentence for a person. */
export async function keep(file) {
  const blob = await sendable(file);
  const key = crypto.getRandomValues(new Uint32Array(2)).reduce((text, part) => text + part.toString(36), "");
  pictures.set(key, { blob, url: URL.createObjectURL(blob) });
  try {
    sessionStorage.setItem(STORED + key, await dataUrl(blob)); // outlives a reload, not the tab
  } catch {
    // storage is full or forbidden: the picture then lives until the page is left
  }
  return key;
}

/** The picture of a key as {blob, url}, or null where this tab has none. */
export function kept(key) {
  if (pictures.has(key)) return pictures.get(key);
  let stored = null;
  try {
    stored = sessionStorage.getItem(STORED + key);
  } catch {
    return null;
  }
  if (!stored) return null;
  const [head, body] = stored.split(",", 2);
  const bytes = Uint8Array.from(atob(body), (letter) => letter.charCodeAt(0));
  const blob = new Blob([bytes], { type: head.slice(5).split(";")[0] });
  pictures.set(key, { blob, url: URL.createObjectURL(blob) });
  return pictures.get(key);
}

/** The file as it may travel: of a type that the service reads, and not too large. */
async function sendable(file) {
  if (file.type && !file.type.startsWith("image/")) throw new Error("That file is no picture. Try a JPEG, PNG or WebP file.");
  const known = SENT_AS_THEY_ARE.has(file.type);
  const most = limits.imageBytes;
  if (known && file.size <= Math.min(most, LARGE_BYTES)) return file;
  let image;
  try {
    image = await createImageBitmap(file);
  } catch {
    if (file.type && file.size <= most) return file; // TIFF, for one: the service may read what this browser cannot
    throw new Error(file.type ? "That picture is too large. Try a smaller one." : "That file is no picture. Try a JPEG, PNG or WebP file.");
  }
  for (const side of SIDES_PX) {
    const blob = await drawn(image, side);
    if (blob && blob.size <= most) return blob;
  }
  throw new Error("That picture is too large. Try a smaller one.");
}

function drawn(image, side) {
  const scale = Math.min(1, side / Math.max(image.width, image.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(image.width * scale));
  canvas.height = Math.max(1, Math.round(image.height * scale));
  const pen = canvas.getContext("2d");
  pen.fillStyle = "white"; // as the service does with transparency
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((give) => canvas.toBlob(give, "image/jpeg", 0.92));
}

function dataUrl(blob) {
  return new Promise((give, fail) => {
    const reader = new FileReader();
    reader.onload = () => give(reader.result);
    reader.onerror = () => fail(reader.error);
    reader.readAsDataURL(blob);
  });
}
