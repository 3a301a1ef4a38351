// The elements of the widget, each with the name of its `part`. This file fetches and stores nothing.

import { currentLanguage, nodes, t } from "../messages.js";
import { price, title } from "../product_text.js";

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  image: "M4 7.5h3l1.6-2.5h6.8L17 7.5h3v12H4zM12 16.8a3.6 3.6 0 1 0 0-7.2 3.6 3.6 0 0 0 0 7.2",
  search: "M10.8 17.6a6.8 6.8 0 1 0 0-13.6 6.8 6.8 0 0 0 0 13.6M20 20l-4.3-4.3",
  basket: "M5 8.5h14l-1.2 11H6.2zM8.8 8.2a3.2 3.2 0 0 1 6.4 0",
  check: "M5.5 12.5l4.2 4.2 8.8-9.2",
  remove: "M7.5 7.5l9 9M16.5 7.5l-9 9",
};

/** Returns an element with properties and children, which are elements or text; never HTML. */
export function make(tag, { on = {}, ...properties } = {}, ...children) {
  const element = document.createElement(tag);
  for (const [event, listener] of Object.entries(on)) element.addEventListener(event, listener);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element && name !== "part") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

function icon(name) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", ICONS[name]);
  drawing.append(line);
  return drawing;
}

/** Returns the widget without products: {root, form, chips, text, facts, problem, count, again, results, more}. */
export function frame({ submit, choose, edit, restart, extend }) {
  const text = make("input", { type: "text", part: "input", ariaLabel: t("text_label"), maxLength: 500, autocomplete: "off", enterKeyHint: "search", on: { keydown: edit } });
  const file = make("input", { type: "file", accept: "image/*", hidden: true, on: { change: () => { choose(file.files[0]); file.value = ""; } } });
  const chips = make("ul", { role: "list", part: "chips", className: "chips", ariaLabel: t("chips_label"), hidden: true });
  const form = make("form", { part: "box", className: "box", role: "search", ariaLabel: t("search_label"), on: { submit: (event) => { event.preventDefault(); submit(); } } },
    chips, make("div", { className: "entry" }, text, file,
      make("button", { type: "button", part: "image-button", className: "icon", ariaLabel: t("pick_label"), title: t("pick_title"), on: { click: () => file.click() } }, icon("image")),
      make("button", { type: "submit", part: "search-button", className: "go", ariaLabel: t("search") }, icon("search"))));
  const facts = make("ul", { role: "list", part: "facts", className: "facts", ariaLabel: t("facts_label"), hidden: true });
  const problem = make("div", { part: "problem", className: "problem", role: "alert", hidden: true });
  const count = make("p", { part: "count", className: "count", role: "status" });
  const again = make("button", { type: "button", className: "again", part: "restart-button", hidden: true, on: { click: restart } }, t("start_again"));
  const status = make("div", { className: "status", hidden: true }, count, again);
  const results = make("ul", { role: "list", part: "results", className: "results", ariaLabel: t("products") });
  const more = make("button", { type: "button", part: "more-button", className: "more", hidden: true, on: { click: extend } });
  const root = make("div", { className: "root", lang: currentLanguage() }, form, facts, problem, status, results, more);
  return { root, form, chips, text, facts, problem, status, count, again, results, more };
}

/** Returns the chip of the image of a query; `show` sets the source of its <img>. */
export function referenceChip(name, { show, remove }) {
  const image = make("img", { alt: "", width: 34, height: 34, on: { error: () => image.remove() } });
  show(image);
  return make("li", { part: "chip", className: "chip reference" }, make("span", { className: "thumb" }, image), make("span", { className: "word" }, name), remover(t("remove_image", { name }), remove));
}

/** Returns the chip of a wish. */
export function wishChip(wish, { isChange, remove }) {
  return make("li", { part: "chip", className: "chip" },
    make("span", { className: "word", title: wish }, isChange ? make("em", {}, `${t("but")} `) : null, wish),
    remover(t("remove_wish", { wish }), remove));
}

/** Returns the chip of a phrase that the service read as a condition. */
export const factChip = (phrase, { remove }) =>
  make("li", { part: "fact", className: "fact" }, icon("check"), make("span", {}, phrase), remover(t("remove_fact", { phrase }), remove));

const remover = (label, remove) => make("button", { type: "button", className: "remove", ariaLabel: label, on: { click: remove } }, icon("remove"));

/** Returns the card of a product; `show` sets the source of its <img>, `link` and `add` may be null. */
export function card(item, { currency, link, show, open, like, add }) {
  const name = title(item);
  const isSoldOut = item.attributes.in_stock === false;
  const amount = price(item.attributes, currency);
  const { brand } = item.attributes;
  const image = make("img", { part: "image", alt: "", loading: "lazy", decoding: "async", width: 480, height: 480, on: { error: () => image.remove() } }); // its name follows
  show(image);
  return make("li", { part: "product", className: isSoldOut ? "card sold-out" : "card" },
    make("div", { part: "frame", className: "frame" }, image, isSoldOut ? make("span", { part: "badge", className: "badge" }, t("sold_out")) : null),
    make("p", { part: "name", className: "name" }, link ? make("a", { href: link, on: { click: open } }, name) : name),
    make("p", { className: "line" },
      make("span", { part: "brand", className: "brand" }, typeof brand === "string" ? brand : ""),
      amount === null ? null : make("span", { part: "price", className: "price" }, amount)),
    make("div", { className: "foot" },
      make("button", { type: "button", part: "like-button", className: "like", ariaLabel: t("like_this_of", { name }), on: { click: like } }, ...nodes("like_this")),
      add && !isSoldOut ? make("button", { type: "button", part: "add-button", className: "add", ariaLabel: t("widget_add_of", { name }), title: t("add"), on: { click: add } }, icon("basket")) : null));
}

/** Returns grey placeholders of the size of cards. */
export const ghosts = (count) => Array.from({ length: count }, () =>
  make("li", { className: "card ghost", ariaHidden: "true" }, make("div", { className: "frame" }), make("p", { className: "name" }, "\u00a0"), make("p", { className: "line" }, "\u00a0"), make("div", { className: "foot" })));
