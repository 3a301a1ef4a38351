// The images of a query: products, uploads and addresses of the web, each with a weight and a part that counts.

import { failure } from "../problems.js";
import { storedImage, withinBytes, toDataUrl } from "./uploads.js";

/** The most images of a query, and as many to be unlike. */
export const MOST = 4;
/** How much an image counts beside the others. */
export const WEIGHTS = [0.5, 1, 2];
const KINDS = { item: "item_id", upload: "base64", image: "url" }; // in the address, and in a search
const LESS = "less-"; // before the kind of an image to be unlike
const SHARE = 1000; // edges of a box are whole thousandths of the image in the address

/** Returns an image of a query: the whole of it, counting as any other; `picture` is the number of one of a product's images. */
export const reference = (kind, id, picture = 0) => ({ kind, id, picture, weight: 1, box: null });

/** Returns whether two are the same image, whatever their weights and boxes. */
export const isSame = (one, other) => one.kind === other.kind && one.id === other.id;

/** Returns {references, less} in the parameters of an address: `picture`, `weight` and `box` belong to the image before them. */
export function read(parameters) {
  const read = { references: [], less: [] };
  let last = null;
  for (const [name, value] of parameters) {
    const isLess = name.startsWith(LESS);
    const kind = isLess ? name.slice(LESS.length) : name;
    if (Object.hasOwn(KINDS, kind) && value) {
      const list = isLess ? read.less : read.references;
      last = reference(kind, value);
      if (list.length < MOST && !list.some((other) => isSame(other, last))) list.push(last);
    } else if (last && name === "picture" && /^\d$/.test(value)) last.picture = Number(value);
    else if (last && name === "weight" && WEIGHTS.includes(Number(value))) last.weight = Number(value);
    else if (last && name === "box") last.box = readBox(value);
  }
  return read;
}

/** Writes the images of a query into the parameters of an address. */
export function write(parameters, { references, less }) {
  for (const [prefix, list] of [["", references], [LESS, less]]) {
    for (const { kind, id, picture, weight, box } of list) {
      parameters.append(prefix + kind, id);
      if (picture) parameters.append("picture", String(picture));
      if (weight !== 1) parameters.append("weight", String(weight));
      if (box) parameters.append("box", box.map((edge) => Math.round(edge * SHARE)).join("_"));
    }
  }
}

function readBox(text) {
  const edges = text.split("_").map((edge) => Number.parseInt(edge, 10) / SHARE);
  const [left, top, right, bottom] = edges;
  const isBox = edges.length === 4 && edges.every((edge) => edge >= 0 && edge <= 1) && right - left >= 0.01 && bottom - top >= 0.01;
  return isBox ? edges : null;
}

/** Returns the members of a search body that the images of a query set; throws an error for the shopper. */
export async function members({ references, less }, mostBytes) {
  const uploads = [...references, ...less].filter(({ kind }) => kind === "upload").length;
  const share = Math.floor(mostBytes / Math.max(1, uploads)); // of the one body that holds them all
  const member = async ({ kind, id, picture, weight, box }, isAlone) => ({
    [KINDS[kind]]: kind === "upload" ? await uploaded(id, share) : id,
    ...(picture && { image: picture }),
    ...(box && { box }),
    ...(!isAlone && weight !== 1 && { weight }),
  });
  const images = await Promise.all(references.map((one) => member(one, references.length === 1)));
  const negative = await Promise.all(less.map((one) => member(one, false)));
  return {
    ...(images.length === 1 && { image: images[0] }),
    ...(images.length > 1 && { images }),
    ...(negative.length > 0 && { negative }),
  };
}

async function uploaded(key, share) {
  const image = storedImage(key);
  if (!image) throw failure("error_image_lost");
  return toDataUrl(await withinBytes(image.blob, share));
}
