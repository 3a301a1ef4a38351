// The elements of the page: cards, chips, the product dialog. This file fetches and stores nothing.

import { setSource } from "./key.js";
import { currentLanguage, nodes, t } from "./messages.js";
import { formatPrice } from "./prices.js";
import { title } from "./product_text.js";
import { heart } from "./query/favourites.js";
import { openMenu } from "./query/menu.js";

/** Returns an element with properties and children, which are elements or text; never HTML. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name.startsWith("aria")) element.setAttribute(`aria-${name.slice(4).toLowerCase()}`, value); // ariaLabel
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Returns the address of an image of a product, relative to the page, which a proxy may serve below a path. */
export const imageAddress = (id, size, number = 0) => `images/${encodeURIComponent(id)}?size=${size}${number ? `&image=${number}` : ""}`;

/** Returns the card of a product; while browsing there is no score. */
export function card(item, { like, open, add, avoid, isSearch }) {
  const name = title(item);
  const { brand, in_stock: inStock } = item.attributes;
  const price = formatPrice(item.attributes);
  const frame = make("button", { type: "button", className: "frame", ariaLabel: t("details_of", { name: inStock === false ? `${name}, ${t("sold_out")}` : name }), on: { click: () => open(item) } },
    setSource(make("img", { alt: name, loading: "lazy", decoding: "async", width: 480, height: 480 }), imageAddress(item.id, 480, item.image)),
    inStock === false ? make("span", { className: "badge" }, t("sold_out")) : null);
  frame.dataset.id = item.id;
  const facts = make("p", { className: "facts" },
    make("span", { className: "brandname" }, typeof brand === "string" ? brand : ""),
    price === null ? null : make("span", { className: "price" }, price));
  const more = make("button", { type: "button", className: "like", ariaLabel: t("like_this_of", { name }), on: { click: () => like(item) } }, ...nodes("like_this"));
  const score = item.score === undefined ? null : scoreOf(item.score);
  const others = isSearch ? otherWays(name, [{ label: t("add_to_search"), act: () => add(item) }, { label: t("less_like_it"), act: () => avoid(item) }]) : null;
  return make("li", { className: inStock === false ? "card sold-out" : "card" }, make("div", { className: "pane" }, frame, heart(item.id, name), others), make("h3", {}, name), facts, make("div", { className: "foot" }, more, score));
}

/** Returns the button of a menu with other ways to search with a product. */
function otherWays(name, entries) {
  const button = make("button", { type: "button", className: "others", ariaLabel: t("more_ways", { name }), ariaHaspopup: "menu", ariaExpanded: "false", on: { click: () => openMenu(button, t("more_ways", { name }), entries) } }, "⋯");
  return button;
}

function scoreOf(score) {
  const match = t("match", { score: score.toLocaleString(currentLanguage(), { minimumFractionDigits: 2, maximumFractionDigits: 2 }) });
  return make("span", { className: "score", title: t("match_meaning"), role: "img", ariaLabel: `${match}. ${t("match_meaning")}` }, match);
}

/** Returns grey placeholder cards. */
export function ghosts(count) {
  return Array.from({ length: count }, () =>
    make("li", { className: "card ghost", ariaHidden: "true" },
      make("div", { className: "frame" }), make("div", { className: "line" }), make("div", { className: "line" })));
}

/** Opens the dialog for a key: calls `give` with the key, or `leave` if the dialog is closed without one. */
export function keyDialog({ refused, give, leave }) {
  const field = make("input", { type: "password", id: "key", required: true, pattern: "\\s*[!-~]+\\s*", title: t("key_pattern"), autocomplete: "off", ariaDescribedby: "key-said" });
  const form = make("form", { method: "dialog", className: "words" },
    make("h2", { id: "key-title" }, t("key_title")),
    make("p", { id: "key-said" }, t(refused ? "key_refused" : "key_about")),
    make("label", { htmlFor: "key" }, t("key_field")), field,
    make("button", { type: "submit", className: "primary" }, t("key_open")));
  const dialog = make("dialog", { className: "detail ask", ariaLabelledby: "key-title" }, form);
  let key = "";
  form.addEventListener("submit", () => { key = field.value.trim(); });
  dialog.addEventListener("close", () => { dialog.remove(); (key ? give : leave)(key); });
  document.body.append(dialog);
  dialog.showModal();
}

/** Returns the milliseconds of each stage in one line. */
export function times(took) {
  const parts = ["wait", "decode", "encode", "search"].filter((stage) => took[stage] >= 0.5).map((stage) => t(`stage_${stage}`, { ms: Math.round(took[stage]) }));
  return t("took", { ms: Math.max(1, Math.round(took.total)) }) + (parts.length ? ` (${parts.join(" · ")})` : "");
}

/** Returns first ideas from the products of this shop: {text, item?, wish}. */
export function ideas(items) {
  const described = items.filter(({ attributes: { category, colour } }) => category && colour);
  const kinds = [...new Map(described.map((item) => [item.attributes.category, item])).values()];
  if (kinds.length < 3) {
    return items.filter((item) => item.attributes.title).slice(0, 3).map((item) => ({ text: title(item), wish: title(item) }));
  }
  const words = ({ category, colour, pattern }) => [colour, pattern === "plain" ? "" : pattern, category].filter(Boolean).join(" ");
  const texts = kinds.slice(0, 3).map(({ attributes }) => ({ text: words(attributes), wish: words(attributes) }));
  const colours = [...new Set(described.map(({ attributes }) => attributes.colour))];
  const changed = kinds.slice(3, 5).map((item, at) => {
    const other = colours.filter((colour) => colour !== item.attributes.colour)[at] ?? colours[0];
    return { text: t("idea_changed", { wish: `in ${other}` }), wish: `in ${other}`, item }; // the models read English
  });
  return [...changed, ...texts];
}

/** Returns wishes for a reference: other colours and patterns of the products seen so far. */
export function wishes(item, seen) {
  const values = (name) => [...new Set(seen.map((product) => product.attributes[name]).filter((value) => value && value !== item?.attributes[name]))];
  const patterns = values("pattern").map((value) => (value === "plain" ? "without a pattern" : value));
  return [...values("colour").slice(0, 3).map((colour) => `in ${colour}`), ...patterns.slice(0, 2)];
}
