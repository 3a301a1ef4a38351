// The query, kept in the address of the page, and uploaded images, stored in this tab.

import * as choices from "./choices.js";
import { t } from "./messages.js";

/** The limits of the service, as GET /limits returns them; before that, or if it fails, its defaults. */
export const limits = { page: 24, most: 192, imageBytes: 10_000_000 };
const STORED = "likebut:upload:";
const LARGE_BYTES = 3_000_000; // a larger image is scaled down before it is sent
const SIDES_PX = [1600, 1024, 640, 320];
const SENT_UNCHANGED = new Set(["image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"]);

/** Sets the limits of the service. */
export function setLimits({ max_k: k, max_image_bytes: bytes }) {
  limits.page = Math.min(limits.page, k);
  limits.most = Math.min(limits.most, k);
  limits.imageBytes = bytes;
}

/** The query without anything chosen. */
export const EMPTY = { item: null, upload: null, but: [], choices: choices.NONE, product: null };

/** Returns the query in the address: {item, upload, but: [wishes], k, choices, product: of the open dialog}. */
export function read() {
  const address = new URLSearchParams(location.search);
  const k = Number.parseInt(address.get("k") ?? "", 10);
  return {
    item: address.get("item") || null,
    upload: address.get("item") ? null : address.get("upload") || null,
    but: address.getAll("but").map((wish) => wish.trim()).filter(Boolean),
    k: Number.isFinite(k) ? Math.min(Math.max(k, 1), limits.most) : limits.page,
    choices: choices.read(address),
    product: address.get("product") || null,
  };
}

/** Returns the address of a query, relative to the page. */
export function address(state) {
  const parameters = new URLSearchParams();
  const language = new URLSearchParams(location.search).get("lang");
  if (language) parameters.set("lang", language);
  if (state.item) parameters.set("item", state.item);
  if (state.upload) parameters.set("upload", state.upload);
  for (const wish of state.but) parameters.append("but", wish);
  choices.write(parameters, state.choices);
  if (state.product) parameters.set("product", state.product);
  if (state.k !== limits.page) parameters.set("k", String(state.k));
  const text = parameters.toString();
  return text ? `./?${text}` : "./";
}

/** Returns whether the query is not empty. */
export const hasQuery = (state) => Boolean(state.item || state.upload || state.but.length);

const images = new Map(); // key → {blob, url}

/** Stores an image for this tab and returns its key for the address; throws an error for the shopper. */
export async function storeImage(file) {
  const blob = await sendable(file);
  const key = crypto.getRandomValues(new Uint32Array(2)).reduce((text, part) => text + part.toString(36), "");
  images.set(key, { blob, url: URL.createObjectURL(blob) });
  try {
    sessionStorage.setItem(STORED + key, await dataUrl(blob)); // survives a reload, but not the tab
  } catch {
    // storage is full or forbidden: the image then lasts until the page is left
  }
  return key;
}

/** Returns the image of a key as {blob, url}, or null if this tab has none. */
export function storedImage(key) {
  if (images.has(key)) return images.get(key);
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
  images.set(key, { blob, url: URL.createObjectURL(blob) });
  return images.get(key);
}

/** Returns the file in a type that the service reads, and not too large. */
async function sendable(file) {
  if (file.type && !file.type.startsWith("image/")) throw new Error(t("error_not_image"));
  const isKnown = SENT_UNCHANGED.has(file.type);
  const most = limits.imageBytes;
  if (isKnown && file.size <= Math.min(most, LARGE_BYTES)) return file;
  let image;
  try {
    image = await createImageBitmap(file);
  } catch {
    if (file.type && file.size <= most) return file; // for example TIFF: the service may read formats that the browser cannot
    throw new Error(t(file.type ? "error_image_large" : "error_not_image"));
  }
  for (const side of SIDES_PX) {
    const blob = await scaled(image, side);
    if (blob && blob.size <= most) return blob;
  }
  throw new Error(t("error_image_large"));
}

function scaled(image, side) {
  const scale = Math.min(1, side / Math.max(image.width, image.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(image.width * scale));
  canvas.height = Math.max(1, Math.round(image.height * scale));
  const pen = canvas.getContext("2d");
  pen.fillStyle = "white"; // the service also puts transparent images on white
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
}

/** Returns the bytes of an image as a data: URL. */
export function dataUrl(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
