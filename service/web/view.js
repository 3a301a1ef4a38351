// What things look like: cards, chips, the product in full. Nothing here fetches or remembers.

import { pictured } from "/web/key.js";

const PRICE = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const MATCH = "How alike the model finds the two (cosine similarity): 1 is the same";
const APART = new Set(["title", "price", "in_stock"]); // shown in places of their own

/** An element with properties, and children that are elements or text; never HTML. */
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

/** What a product is called. */
export function title(item) {
  const { title: given, name, category } = item.attributes;
  return String(given || name || category || item.id.split("/").pop().replace(/[-_]+/g, " "));
}

/** A price as the shop gives it: a number with two places, a text as it is; null where there is none. */
function priced(price) {
  if (typeof price === "number") return PRICE.format(price);
  return typeof price === "string" && price.trim() ? price : null;
}

/** A product of the grid; one that was browsed, not searched, has no score. */
export function card(item, { like, open }) {
  const name = title(item);
  const { price, brand, in_stock: inStock } = item.attributes;
  const frame = make("button", { type: "button", className: "frame", ariaLabel: `${name}${inStock === false ? ", sold out" : ""}, details`, on: { click: () => open(item) } },
    pictured(make("img", { alt: name, loading: "lazy", decoding: "async", width: 480, height: 480 }), `${item.image_url}?size=480`),
    inStock === false ? make("span", { className: "badge" }, "sold out") : null);
  frame.dataset.id = item.id;
  const facts = make("p", { className: "facts" },
    make("span", { className: "brandname" }, typeof brand === "string" ? brand : ""),
    priced(price) === null ? null : make("span", { className: "price" }, priced(price)));
  const more = make("button", { type: "button", className: "like", ariaLabel: `More like this, but …: ${name}`, on: { click: () => like(item) } },
    "Like this, ", make("em", {}, "but …"));
  const score = item.score === undefined ? null : make("span", { className: "score", title: MATCH, role: "img", ariaLabel: `match ${item.score.toFixed(2)}. ${MATCH}` }, `match ${item.score.toFixed(2)}`);
  return make("li", { className: "card" }, frame, make("h3", {}, name), facts, make("div", { className: "foot" }, more, score));
}

/** Grey cards that stand where products will be. */
export function ghosts(count) {
  return Array.from({ length: count }, () =>
    make("li", { className: "card ghost", ariaHidden: "true" },
      make("div", { className: "frame" }), make("div", { className: "line" }), make("div", { className: "line" })));
}

/** The reference, as the first part of the query. */
export function referenceChip({ url, name }, { remove }) {
  const image = make("img", { alt: "", on: { error: () => image.replaceWith(make("span", { className: "lost", ariaHidden: "true" }, "?")) } });
  pictured(image, url);
  return make("li", { className: "chip reference" }, image, make("span", { className: "word" }, name),
    make("button", { type: "button", ariaLabel: `Take back the picture: ${name}`, on: { click: remove } }, "×"));
}

/** One wish, as a part of the query. */
export function wishChip(wish, { but, remove }) {
  return make("li", { className: "chip wish" },
    make("span", { className: "word", title: wish }, but ? make("span", { className: "but" }, "but ") : "", wish),
    make("button", { type: "button", ariaLabel: `Take back: ${wish}`, on: { click: remove } }, "×"));
}

/** Fills the dialog with all that is known of a product. */
export function detail(dialog, item, { like }) {
  const { price, in_stock: inStock } = item.attributes;
  const known = Object.entries(item.attributes).filter(([name, value]) =>
    name.trim() && !APART.has(name) && value !== null && value !== "" && value !== "none");
  const facts = known.flatMap(([name, value]) => [
    make("dt", {}, name.replaceAll("_", " ")),
    make("dd", {}, typeof value === "boolean" ? (value ? "yes" : "no") : String(value)),
  ]);
  const line = [priced(price), inStock === false ? "sold out" : null].filter(Boolean);
  dialog.replaceChildren(
    make("button", { type: "button", className: "close", ariaLabel: "Close", on: { click: () => dialog.close() } }, "×"),
    make("div", { className: "sides" },
      pictured(make("img", { className: "picture", alt: title(item) }), `${item.image_url}?size=1024`),
      make("div", { className: "words" },
        make("h2", { id: "detail-title" }, title(item)),
        make("p", { className: "price" }, line.join(" · ")),
        make("dl", {}, ...facts),
        make("button", { type: "button", className: "primary", autofocus: true, on: { click: () => like(item) } }, "More like this, but …"))));
}

/** Asks for a key: `give` gets it, `leave` is called where the dialog is closed without one. */
export function keyDialog({ refused, give, leave }) {
  const field = make("input", { type: "password", id: "key", required: true, pattern: "\\s*[!-~]+\\s*", title: "letters, digits and signs", autocomplete: "off", ariaDescribedby: "key-said" });
  const form = make("form", { method: "dialog", className: "words" },
    make("h2", { id: "key-title" }, "This shop opens with a key"),
    make("p", { id: "key-said" }, refused ? "It does not know the key that was given. Try another." : "Its operator can give you one. It is kept in this tab and nowhere else."),
    make("label", { htmlFor: "key" }, "Key"), field,
    make("button", { type: "submit", className: "primary" }, "Open the shop"));
  const dialog = make("dialog", { className: "detail ask", ariaLabelledby: "key-title" }, form);
  let key = "";
  form.addEventListener("submit", () => { key = field.value.trim(); });
  dialog.addEventListener("close", () => { dialog.remove(); (key ? give : leave)(key); });
  document.body.append(dialog);
  dialog.showModal();
}

/** Milliseconds by stage, in one quiet line. */
export function times(took) {
  const said = { wait: "waiting", decode: "picture", encode: "model", search: "search" };
  const parts = Object.entries(took).filter(([stage, ms]) => said[stage] && ms >= 0.5).map(([stage, ms]) => `${said[stage]} ${Math.round(ms)}`);
  return `${Math.max(1, Math.round(took.total))} ms` + (parts.length ? ` (${parts.join(" · ")})` : "");
}

/** Things to try first, from what this shop really has: {text, item?, wish}. */
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
    return { text: `this, but in ${other}`, wish: `in ${other}`, item };
  });
  return [...changed, ...texts];
}

/** What might be wished of a reference: other colours and patterns among what has been seen. */
export function wishes(item, seen) {
  const values = (name) => [...new Set(seen.map((each) => each.attributes[name]).filter((value) => value && value !== item?.attributes[name]))];
  const patterns = values("pattern").map((value) => (value === "plain" ? "without a pattern" : value));
  return [...values("colour").slice(0, 3).map((colour) => `in ${colour}`), ...patterns.slice(0, 2)];
}
