// The search box: the reference, the wishes, ideas for more of them, and images that are chosen, pasted or dropped.

import { actions, fill, go, shop } from "./actions.js";
import { fetchJson } from "./ask.js";
import { setSource } from "./key.js";
import { t } from "./messages.js";
import * as state from "./state.js";
import * as view from "./view.js";

const $ = (id) => document.getElementById(id);
const [composer, text, chips, file, ideas, detail, drop, results] = ["composer", "text", "chips", "file", "ideas", "detail", "drop", "results"].map($);

// --- changing the query -------------------------------------------------------------------------------------------

actions.like = (item) => {
  if (detail.open) detail.close();
  go({ choices: shop.query.choices, item: item.id });
  text.value = "";
  text.focus();
  window.scrollTo({ top: 0 });
};

function wish(words) {
  const clean = words.trim().replace(/^but\s+/i, "").replace(/[\s,;.]+$/, "");
  if (clean) go({ ...shop.query, but: [...shop.query.but, clean], k: state.limits.page });
}

async function upload(image) {
  actions.say("");
  if (!image) return;
  let key;
  try {
    key = await state.storeImage(image);
  } catch (error) {
    actions.say(error.message);
    return;
  }
  go({ ...shop.query, item: null, upload: key, k: state.limits.page });
  text.focus();
}

// --- showing it ---------------------------------------------------------------------------------------------------

/** Returns the reference of the query as {url, name}, or null. */
export function reference() {
  const { upload: key, item: id } = shop.query;
  if (key) return { url: state.storedImage(key)?.url ?? "web/icon.svg", name: t("your_image") };
  if (!id) return null;
  const item = shop.seen.get(id);
  return { url: view.imageAddress(id, 96), name: item ? view.title(item) : t("this_product") };
}

/** Shows the reference and the wishes of the query as chips. */
export function drawChips() {
  const { query } = shop;
  const chosen = reference();
  const parts = query.but.map((words, at) => view.wishChip(words, {
    but: Boolean(chosen) || at > 0,
    remove: () => { go({ ...query, but: query.but.filter((_, other) => other !== at), k: state.limits.page }); },
  }));
  if (chosen) parts.unshift(view.referenceChip(chosen, { remove: () => go({ ...query, item: null, upload: null, k: state.limits.page }) }));
  fill(chips, parts, text);
  text.placeholder = t(chosen ? "placeholder_image" : query.but.length ? "placeholder_but" : "placeholder");
  if (query.item && !shop.seen.has(query.item)) name(query.item);
}

async function name(id) {
  try {
    shop.seen.set(id, await fetchJson(`items/${encodeURIComponent(id)}`, {}));
    if (shop.query.item === id) drawChips();
  } catch {
    // the search itself reports a problem with the reference
  }
}

/** Shows ideas for the next wish, or for a first search from the products on the page. */
export function drawIdeas(shown) {
  const { query } = shop;
  const hasReference = query.item || query.upload;
  const offered = hasReference
    ? view.wishes(shop.seen.get(query.item), [...shop.seen.values()]).filter((words) => !query.but.includes(words)).map((words) => ({ text: words, wish: words }))
    : state.hasQuery(query) ? [] : view.ideas(shown);
  fill(ideas, offered.map((idea) => view.make("button", {
    type: "button",
    on: { click: () => (idea.item ? go({ choices: query.choices, item: idea.item.id, but: [idea.wish] }) : wish(idea.wish)) },
  }, idea.item ? setSource(view.make("img", { alt: t("idea_image", { name: view.title(idea.item) }) }), view.imageAddress(idea.item.id, 96)) : "", idea.text)), $("count"));
  ideas.hidden = offered.length === 0;
}

// --- events ---------------------------------------------------------------------------------------------------------

composer.addEventListener("submit", (event) => {
  event.preventDefault();
  const words = text.value;
  text.value = "";
  wish(words);
});
composer.addEventListener("click", (event) => { if (event.target === composer) text.focus(); });
$("pick").addEventListener("click", () => file.click());
file.addEventListener("change", async () => { const [image] = file.files; file.value = ""; await upload(image); });

text.addEventListener("keydown", (event) => {
  const { query } = shop;
  if (event.key === "Backspace" && text.value === "") {
    event.preventDefault();
    if (event.repeat) return; // a held key empties the field and must not remove wishes
    if (query.but.length) {
      text.value = query.but.at(-1);
      go({ ...query, but: query.but.slice(0, -1), k: state.limits.page });
    } else if (query.item || query.upload) go({ ...query, item: null, upload: null, k: state.limits.page });
  } else if (event.key === "Escape") {
    if (text.value) text.value = "";
    else text.blur();
  } else if (event.key === "ArrowDown") {
    event.preventDefault();
    results.querySelector(".frame[data-id]")?.focus();
  }
});

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey || detail.open) return;
  if (event.key === "/" && !event.target.matches("input, textarea")) {
    event.preventDefault();
    text.focus();
  }
});

document.addEventListener("paste", (event) => {
  const image = [...(event.clipboardData?.files ?? [])].find((item) => item.type.startsWith("image/"));
  if (!image || detail.open) return; // text is pasted as usual
  event.preventDefault();
  upload(image);
});

let over = 0; // dragenter minus dragleave events: every element below sends its own
const carries = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
document.addEventListener("dragenter", (event) => { if (carries(event)) { over += 1; drop.hidden = detail.open; } });
document.addEventListener("dragleave", () => { over = Math.max(0, over - 1); drop.hidden = over === 0; });
document.addEventListener("dragover", (event) => { if (carries(event)) event.preventDefault(); });
document.addEventListener("drop", (event) => {
  if (!carries(event)) return;
  event.preventDefault();
  over = 0;
  drop.hidden = true;
  if (!detail.open) upload(event.dataTransfer.files[0]);
});
