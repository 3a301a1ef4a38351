// The search box: the images and the wishes of the query as chips, ideas for more of them, and what changes them.

import { actions, fill, go, shop } from "./actions.js";
import { fetchJson } from "./ask.js";
import { setSource } from "./key.js";
import { t } from "./messages.js";
import { title, withoutBut } from "./product_text.js";
import * as carried from "./query/carried.js";
import { factChip, imageChip, wishChip } from "./query/chips.js";
import { watch as watchFavourites } from "./query/favourites.js";
import { record } from "./query/history.js";
import { openImageDialog } from "./query/image_dialog.js";
import { isSame, MOST, reference } from "./query/references.js";
import * as suggestions from "./query/suggestions.js";
import { balance } from "./query/balance.js";
import { storedImage, storeImage } from "./query/uploads.js";
import * as state from "./state.js";
import * as view from "./view.js";

const $ = (id) => document.getElementById(id);
const [composer, text, chips, file, ideas, detail, facts, tune] = ["composer", "text", "chips", "file", "ideas", "detail", "facts", "tune"].map($);

// --- changing the query -------------------------------------------------------------------------------------------

const change = (changed) => go({ ...shop.query, product: null, k: state.limits.page, ...changed });

actions.like = (item) => {
  if (detail.open) detail.close();
  go({ choices: shop.query.choices, references: [seen(item)] });
  text.value = "";
  text.focus();
  window.scrollTo({ top: 0 });
};

/** Adds an image to those of the query, or to those to be unlike. */
function add(image, list = "references") {
  if (detail.open) detail.close();
  const images = shop.query[list].filter((one) => !isSame(one, image));
  if (images.length === MOST) {
    actions.say(t("images_full", { count: MOST }));
    return;
  }
  const other = list === "less" ? "references" : "less";
  change({ [list]: [...images, image], [other]: shop.query[other].filter((one) => !isSame(one, image)) });
  window.scrollTo({ top: 0 });
}

/** Returns a product as an image of the query: the one of its images that is shown. */
const seen = (item) => reference("item", item.id, item.image ?? 0);

actions.add = (item) => add(seen(item));
actions.avoid = (item) => add(seen(item), "less");

function wish(words) {
  const clean = withoutBut(words).replace(/[\s,;.]+$/, "");
  if (clean) change({ but: [...shop.query.but, clean] });
}

/** Adds what was chosen, pasted or dropped: {file}, {item} or {url}; null is none of these. */
async function take(what) {
  actions.say("");
  if (!what) return;
  let image = what.item ? reference("item", what.item) : reference("image", what.url);
  if (what.file) {
    try {
      image = reference("upload", await storeImage(what.file, state.limits.imageBytes));
    } catch (error) {
      actions.say(error.message);
      return;
    }
  }
  add(image);
  text.focus();
}

/** Removes the addresses of images that the shop does not fetch, in place of the last step of the history. */
export function dropAddresses() {
  const isHeld = ({ kind }) => kind !== "image";
  shop.query = state.complete({ ...shop.query, references: shop.query.references.filter(isHeld), less: shop.query.less.filter(isHeld) });
  history.replaceState({}, "", state.address(shop.query));
}

// --- showing it ---------------------------------------------------------------------------------------------------

/** Returns an image of the query as {url, name}; the page shows no images of other hosts. */
function describe({ kind, id, picture }, size) {
  if (kind === "upload") return { url: storedImage(id)?.url ?? "web/icon.svg", name: t("your_image") };
  if (kind === "image") return { url: null, name: URL.canParse(id, document.baseURI) ? new URL(id, document.baseURI).hostname : id };
  const item = shop.seen.get(id);
  return { url: view.imageAddress(id, size, picture), name: item ? title(item) : t("this_product") };
}

/** Returns the query in words. */
function label({ references, less, but }) {
  const images = references.map((image) => describe(image, 96).name).join(" + ");
  const unlike = less.map((image) => t("less_like", { name: describe(image, 96).name }));
  return [[images, ...but].filter(Boolean).join(`, ${t("but")} `), ...unlike].filter(Boolean).join(", ");
}

/** Shows the images and the wishes of the query as chips. */
export function drawChips() {
  const { query } = shop;
  const hasImages = query.references.length > 0;
  const images = [...query.references.map((image) => ["references", image]), ...query.less.map((image) => ["less", image])];
  const parts = query.but.map((words, at) => wishChip(words, {
    but: hasImages || at > 0,
    remove: () => change({ but: query.but.filter((_, other) => other !== at) }),
  }));
  fill(chips, [...images.map(([list, image]) => chip(list, image)), ...parts], text);
  chips.scrollLeft = chips.scrollWidth; // on a narrow screen, the last ones are the ones that were changed
  text.placeholder = t(hasImages ? "placeholder_image" : query.but.length ? "placeholder_but" : "placeholder");
  const control = hasImages && query.but.length ? [balance(query.words, (words) => change({ words }))] : [];
  fill(tune, control, control[0]?.querySelector(":checked") ?? text);
  for (const [, { kind, id }] of images) if (kind === "item" && !shop.seen.has(id)) name(id);
}

function chip(list, image) {
  const { query } = shop;
  const isLess = list === "less";
  const rest = query[list].filter((other) => other !== image);
  const remove = () => change({ [list]: rest });
  const open = () => openImageDialog({ ...image, ...describe(image, 1024), less: isLess }, {
    canWeigh: query.references.length + query.less.length > 1,
    canTurn: isLess ? query.references.length < MOST : query.less.length < MOST && (rest.length > 0 || query.but.length > 0),
    remove,
    change: ({ weight, box, less }) => {
      const changed = { ...image, weight, box };
      if (less === isLess) change({ [list]: query[list].map((other) => (other === image ? changed : other)) });
      else change({ [list]: rest, [less ? "less" : "references"]: [...query[less ? "less" : "references"], changed] });
    },
  });
  return imageChip({ ...image, ...describe(image, 96), url: describe(image, image.box ? 320 : 96).url, less: isLess }, { open, remove });
}

async function name(id) {
  try {
    shop.seen.set(id, await fetchJson(`items/${encodeURIComponent(id)}`, {}));
    if ([...shop.query.references, ...shop.query.less].some((image) => image.kind === "item" && image.id === id)) drawChips();
  } catch {
    // the search itself reports a problem with the image
  }
}

/** Shows what belongs to an answer: its title, ideas, the facts that the service understood; and remembers the search. */
export function settle(shown, { understood = [], failed = false }) {
  const { query } = shop;
  drawIdeas(shown);
  fill(facts, understood.map(({ text: phrase }) => factChip(phrase, { remove: () => change({ literal: [...query.literal, phrase] }) })), text);
  facts.hidden = understood.length === 0;
  const words = label(query);
  document.title = words ? t("page_title_query", { query: words }) : t("page_title");
  const isPrivate = [...query.references, ...query.less].some(({ kind }) => kind === "upload"); // another tab has no uploads
  if (words && !failed && !isPrivate) record({ address: state.address({ ...query, k: state.limits.page, product: null }), label: words });
}

/** Shows ideas for the next wish, or for a first search from the products on the page. */
function drawIdeas(shown) {
  const { query } = shop;
  const known = query.references.find(({ kind }) => kind === "item");
  const offered = query.references.length
    ? view.wishes(shop.seen.get(known?.id), [...shop.seen.values()]).filter((words) => !query.but.includes(words)).map((words) => ({ text: words, wish: words }))
    : state.hasQuery(query) || query.favourites ? [] : view.ideas(shown);
  fill(ideas, offered.map((idea) => view.make("button", {
    type: "button",
    on: { click: () => (idea.item ? go({ choices: query.choices, references: [reference("item", idea.item.id)], but: [idea.wish] }) : wish(idea.wish)) },
  }, idea.item ? setSource(view.make("img", { alt: t("idea_image", { name: title(idea.item) }) }), view.imageAddress(idea.item.id, 96)) : "", idea.text)), $("count"));
  ideas.hidden = offered.length === 0;
}

// --- events ---------------------------------------------------------------------------------------------------------

const closeOffers = suggestions.start({
  text, panel: $("offers"), list: $("offer-list"), footer: $("offer-foot"),
  choose: (words) => { text.value = ""; wish(words); },
  visit: (address) => { text.value = ""; go(state.read(new URL(address, document.baseURI).search)); },
});

composer.addEventListener("submit", (event) => {
  event.preventDefault();
  const words = text.value;
  text.value = "";
  closeOffers();
  const what = carried.fromUrl(words);
  if (what) take(what);
  else wish(words);
});
composer.addEventListener("click", (event) => { if (event.target === composer) text.focus(); });
$("pick").addEventListener("click", () => file.click());
file.addEventListener("change", async () => { const [image] = file.files; file.value = ""; if (image) await take({ file: image }); });

text.addEventListener("keydown", (event) => {
  const { query } = shop;
  if (event.key === "Backspace" && text.value === "") {
    event.preventDefault();
    if (event.repeat) return; // a held key empties the field and must not remove wishes
    if (query.but.length) {
      text.value = query.but.at(-1);
      change({ but: query.but.slice(0, -1) });
    } else if (query.less.length) change({ less: query.less.slice(0, -1) });
    else if (query.references.length) change({ references: query.references.slice(0, -1) });
  } else if (event.key === "Escape") {
    if (text.value) text.value = "";
    else text.blur();
  } else if (event.key === "ArrowDown") {
    event.preventDefault();
    document.querySelector(".grid .frame[data-id]")?.focus();
  }
});

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey || isBlocked()) return;
  if (event.key === "/" && !event.target.matches("input, textarea, select")) {
    event.preventDefault();
    text.focus();
  }
});

const isBlocked = () => document.querySelector("dialog[open]") !== null;
carried.watch({ over: $("drop"), isBlocked, take });

const liked = $("favourites");
liked.addEventListener("click", (event) => {
  if (event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  go({ favourites: true });
});
watchFavourites((count) => {
  liked.hidden = count === 0 && !shop.query.favourites;
  $("favourites-count").textContent = String(count);
});
new IntersectionObserver(([{ isIntersecting }]) => { composer.classList.toggle("small", !isIntersecting); }).observe($("top-mark"));
