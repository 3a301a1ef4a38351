// The chips of a query: its images, its wishes, and the facts that the service understood.

import { setSource } from "../key.js";
import { t } from "../messages.js";
import { make } from "../view.js";

const remover = (label, remove) => make("button", { type: "button", className: "remove", ariaLabel: label, on: { click: remove } }, "×");

/** Returns the chip of an image {url, name, weight, box}; `less` for one to be unlike. Its face opens the dialog of the image. */
export function imageChip({ url, name, weight, box, less }, { open, remove }) {
  const label = less ? t("less_like", { name }) : name;
  const face = make("button", { type: "button", className: "face", ariaLabel: t("change_image", { name: label }), title: t("change_image", { name: label }), ariaHaspopup: "dialog", on: { click: open } },
    thumb(url, box),
    make(less ? "s" : "span", { className: "word" }, name),
    weight === 1 ? null : make("span", { className: "weight", title: t(weight > 1 ? "weight_more" : "weight_less"), ariaHidden: "true" }, weight > 1 ? "↑" : "↓"));
  return make("li", { className: `chip ${less ? "less" : "reference"}` }, face, remover(t("remove_image", { name: label }), remove));
}

/** Returns a small square of the image, or of the part that counts. */
function thumb(url, box) {
  const frame = make("span", { className: "thumb", ariaHidden: "true" });
  if (!url) {
    frame.append("↗"); // an address of the web: the page shows no images of others
    return frame;
  }
  const image = make("img", { alt: "", draggable: false, on: { error: () => { frame.replaceChildren("?"); } } });
  if (box) image.addEventListener("load", () => cut(image, box));
  frame.append(setSource(image, url));
  return frame;
}

/** Shows only a part of an image in its square frame. */
function cut(image, [left, top, right, bottom]) {
  const side = image.parentElement?.clientWidth || 34;
  const { naturalWidth: width, naturalHeight: height } = image;
  const scale = side / Math.min((right - left) * width, (bottom - top) * height);
  image.classList.add("cut");
  Object.assign(image.style, {
    width: `${width * scale}px`,
    height: `${height * scale}px`,
    left: `${side / 2 - ((left + right) / 2) * width * scale}px`,
    top: `${side / 2 - ((top + bottom) / 2) * height * scale}px`,
  });
}

/** Returns the chip of one wish. */
export function wishChip(wish, { but, remove }) {
  return make("li", { className: "chip wish" },
    make("span", { className: "word", title: wish }, but ? make("span", { className: "but" }, `${t("but")} `) : "", wish),
    remover(t("remove_wish", { wish }), remove));
}

/** Returns the chip of a phrase that the service read as a fact. */
export function factChip(phrase, { remove }) {
  return make("li", { className: "chip fact" },
    make("span", { className: "word" }, phrase),
    remover(t("remove_fact", { phrase }), remove));
}
