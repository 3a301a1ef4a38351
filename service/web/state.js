// What is being looked for, kept in the address; and uploaded pictures, kept in this tab.

export const PAGE = 24;
export const MOST = 192;
const STORED = "likebut:upload:";
const LARGE_BYTES = 3_000_000; // above this a picture is made smaller before it travels
const SIDE_PX = 1600;

/** The query that the address names: {item, upload, but: [wishes], k}. */
export function read() {
  const address = new URLSearchParams(location.search);
  const k = Number.parseInt(address.get("k") ?? "", 10);
  return {
    item: address.get("item") || null,
    upload: address.get("item") ? null : address.get("upload") || null,
    but: address.getAll("but").map((wish) => wish.trim()).filter(Boolean),
    k: Number.isFinite(k) ? Math.min(Math.max(k, 1), MOST) : PAGE,
  };
}

/** The address of a query. */
export function address(state) {
  const found = new URLSearchParams();
  if (state.item) found.set("item", state.item);
  if (state.upload) found.set("upload", state.upload);
  for (const wish of state.but) found.append("but", wish);
  if (state.k !== PAGE) found.set("k", String(state.k));
  const text = found.toString();
  return text ? `/?${text}` : "/";
}

/** Whether anything is asked for. */
export const asks = (state) => Boolean(state.item || state.upload || state.but.length);

const pictures = new Map(); // key → {blob, url}

/** Keeps a picture for this tab and gives the key that stands for it in the address. */
export async function keep(file) {
  const blob = await smaller(file);
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

async function smaller(file) {
  if (file.size <= LARGE_BYTES) return file;
  try {
    const image = await createImageBitmap(file);
    const scale = Math.min(1, SIDE_PX / Math.max(image.width, image.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(image.width * scale);
    canvas.height = Math.round(image.height * scale);
    const pen = canvas.getContext("2d");
    pen.fillStyle = "white"; // as the service does with transparency
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((give) => canvas.toBlob((blob) => give(blob ?? file), "image/jpeg", 0.92));
  } catch {
    return file; // no picture this browser can read: the service says what is wrong with it
  }
}

function dataUrl(blob) {
  return new Promise((give, fail) => {
    const reader = new FileReader();
    reader.onload = () => give(reader.result);
    reader.onerror = () => fail(reader.error);
    reader.readAsDataURL(blob);
  });
}
