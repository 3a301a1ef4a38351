// Uploaded images, stored in this tab, in a type and a size that the service reads.

import { failure } from "../problems.js";

const STORED = "likebut:upload:";
const LARGE_BYTES = 1_500_000; // a larger image is scaled down before it is sent
const SIDES_PX = [1600, 1024, 640, 320];
const SENT_UNCHANGED = new Set(["image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"]);
const PHONE = /^image\/hei[cf]/; // the photographs of some phones, which few browsers and no service read
const images = new Map(); // key → {blob, url}

/** Stores an image of at most so many bytes for this tab, and returns its key for the address; throws an error for the shopper. */
export async function storeImage(file, mostBytes) {
  const blob = await sendable(file, mostBytes);
  const key = crypto.getRandomValues(new Uint32Array(2)).reduce((text, part) => text + part.toString(36), "");
  images.set(key, { blob, url: URL.createObjectURL(blob) });
  try {
    sessionStorage.setItem(STORED + key, await toDataUrl(blob)); // survives a reload, but not the tab
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

/** Returns the image, scaled down if it has more bytes than `most`; throws an error for the shopper. */
export async function withinBytes(blob, most) {
  return blob.size <= most ? blob : smaller(await createImageBitmap(blob), most);
}

/** Returns the bytes as a data URL. */
export function toDataUrl(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

/** Returns the file in a type that the service reads, and of at most so many bytes; throws an error for the shopper. */
export async function sendable(file, most) {
  const isPhone = PHONE.test(file.type) || /\.hei[cf]$/i.test(file.name ?? ""); // many browsers do not know the type
  if (file.type && !file.type.startsWith("image/")) throw failure("error_not_image");
  if (SENT_UNCHANGED.has(file.type) && file.size <= Math.min(most, LARGE_BYTES)) return file;
  let image;
  try {
    image = await createImageBitmap(file);
  } catch {
    if (isPhone) throw failure("error_heic");
    if (file.type && file.size <= most) return file; // for example TIFF: the service may read formats that the browser cannot
    throw failure(file.type ? "error_image_large" : "error_not_image");
  }
  return smaller(image, most);
}

async function smaller(image, most) {
  for (const side of SIDES_PX) {
    const blob = await scaled(image, side);
    if (blob && blob.size <= most) return blob;
  }
  throw failure("error_image_large");
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
