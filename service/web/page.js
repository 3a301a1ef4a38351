// The shop search: one query in the address, one answer on the page.

import * as state from "/web/state.js";
import * as view from "/web/view.js";

const $ = (id) => document.getElementById(id);
const [composer, text, chips, file, ideas, problem, count, times, notes, results, more, detail, drop, hero] =
  ["composer", "text", "chips", "file", "ideas", "problem", "count", "times", "notes", "results", "more", "detail", "drop", "hero"].map($);

let current = state.read();
let asking = new AbortController(); // of the answer that is awaited
let shown = []; // the products on the page
const seen = new Map(); // every product met, by id, so that a reference needn't be asked for

// --- changing the query -------------------------------------------------------------------------------------------

function go(changed, { replace = false } = {}) {
  current = { item: null, upload: null, but: [], k: state.PAGE, ...changed };
  history[replace ? "replaceState" : "pushState"]({}, "", state.address(current));
  show();
}

function like(item) {
  if (detail.open) detail.close();
  go({ item: item.id });
  text.value = "";
  text.focus();
  window.scrollTo({ top: 0 });
}

function wish(words) {
  const clean = words.trim().replace(/^but\s+/i, "").replace(/[\s,;.]+$/, "");
  if (clean) go({ ...current, but: [...current.but, clean], k: state.PAGE });
}

async function upload(picture) {
  say("");
  if (!picture) return;
  const key = await state.keep(picture);
  go({ ...current, item: null, upload: key, k: state.PAGE });
  text.focus();
}

// --- showing it ---------------------------------------------------------------------------------------------------

async function show() {
  asking.abort();
  const mine = (asking = new AbortController());
  hero.hidden = state.asks(current);
  say("");
  drawChips();
  const patience = setTimeout(() => { // a fast answer needs no ghosts, and flickers with them
    results.replaceChildren(...view.ghosts(12));
    results.setAttribute("aria-busy", "true");
    count.textContent = "Searching …";
    times.textContent = "";
  }, 120);
  try {
    const found = await answer(current, mine.signal);
    if (mine.signal.aborted) return;
    draw(found);
  } catch (error) {
    if (mine.signal.aborted) return;
    draw({ items: [], failed: true });
    say(error.message, error.again);
  } finally {
    clearTimeout(patience);
    if (!mine.signal.aborted) results.removeAttribute("aria-busy");
  }
}

async function answer(asked, signal) {
  if (!state.asks(asked)) {
    const found = await fetched(`/browse?limit=${asked.k}`, { signal });
    return { items: found.items, total: found.total, browsing: true };
  }
  const words = asked.but.join(", ");
  let sent;
  if (asked.upload) {
    const picture = state.kept(asked.upload);
    if (!picture) throw failure("Your picture lived only in the tab where you chose it. Drop it here again, or take it back.");
    const form = new FormData();
    form.set("image", picture.blob, "picture");
    if (words) form.set("text", words);
    form.set("k", String(asked.k));
    sent = { body: form };
  } else {
    const body = { k: asked.k, ...(words && { text: words }), ...(asked.item && { image: { item_id: asked.item } }) };
    sent = { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  }
  const found = await fetched("/search", { method: "POST", signal, ...sent });
  return { items: found.hits, took: found.took_ms, notes: found.notes };
}

async function fetched(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw failure("The shop cannot be reached just now.", true);
  }
  const body = await response.json().catch(() => ({}));
  if (response.ok) return body;
  const detail = body.detail || `The shop answered with ${response.status}.`;
  throw failure(detail[0].toUpperCase() + detail.slice(1) + (/[.!?]$/.test(detail) ? "" : "."), response.status === 429 || response.status >= 500);
}

function failure(message, again = false) {
  return Object.assign(new Error(message), { again });
}

function draw({ items, total, took, browsing = false, failed = false, notes: said = [] }) {
  shown = items;
  for (const item of items) seen.set(item.id, item);
  results.replaceChildren(...items.map((item) => view.card(item, { like, open })));
  if (failed) count.textContent = "";
  else if (browsing) count.textContent = total ? `A look around ${total.toLocaleString()} products` : "The shop is empty";
  else count.textContent = items.length === 1 ? "1 product" : `${items.length} products, best first`;
  times.textContent = took ? view.times(took) : "";
  notes.hidden = said.length === 0;
  notes.textContent = said.map((note) => note[0].toUpperCase() + note.slice(1) + ".").join(" ");
  if (!items.length && !failed) results.append(view.make("li", { className: "nothing" }, "Nothing here. Take a wish back, or try another picture."));
  more.hidden = failed || items.length < current.k || current.k >= state.MOST || (total !== undefined && items.length >= total);
  drawIdeas();
  document.title = state.asks(current) ? `${[reference()?.name, ...current.but].filter(Boolean).join(", but ")} · Likebut` : "Likebut: like this, but …";
}

function reference() {
  if (current.upload) return { url: state.kept(current.upload)?.url ?? "/web/icon.svg", name: "your picture" };
  if (!current.item) return null;
  const item = seen.get(current.item);
  return { url: `/images/${encodeURIComponent(current.item)}?size=96`, name: item ? view.title(item) : "this product" };
}

function drawChips() {
  const held = document.activeElement?.closest?.(".chip") ? true : false;
  const given = reference();
  const parts = current.but.map((words, place) => view.wishChip(words, {
    but: Boolean(given) || place > 0,
    remove: () => { go({ ...current, but: current.but.filter((_, at) => at !== place), k: state.PAGE }); },
  }));
  if (given) parts.unshift(view.referenceChip(given, () => go({ ...current, item: null, upload: null, k: state.PAGE })));
  chips.replaceChildren(...parts);
  if (held) text.focus(); // the chip that had the focus is gone
  text.placeholder = given ? "but … in red, with long sleeves" : current.but.length ? "but …" : "Describe it, or drop a picture";
  if (current.item && !seen.has(current.item)) name(current.item);
}

async function name(id) {
  try {
    seen.set(id, await fetched(`/items/${encodeURIComponent(id)}`, {}));
    if (current.item === id) drawChips();
  } catch {
    // the search itself says what is wrong with the reference
  }
}

function drawIdeas() {
  const given = current.item || current.upload;
  const offered = given
    ? view.wishes(seen.get(current.item), [...seen.values()]).filter((words) => !current.but.includes(words)).map((words) => ({ text: words, wish: words }))
    : state.asks(current) ? [] : view.ideas(shown);
  ideas.replaceChildren(...offered.map((idea) => view.make("button", {
    type: "button",
    on: { click: () => (idea.item ? go({ item: idea.item.id, but: [idea.wish] }) : wish(idea.wish)) },
  }, idea.item ? view.make("img", { src: `${idea.item.image_url}?size=96`, alt: `like ${view.title(idea.item)},` }) : "", idea.text)));
  ideas.hidden = offered.length === 0;
}

function say(message, again = false) {
  problem.hidden = !message;
  problem.replaceChildren(message);
  if (again) problem.append(view.make("button", { type: "button", on: { click: show } }, "Try again"));
  else if (message && state.asks(current)) problem.append(view.make("button", { type: "button", on: { click: () => go({}) } }, "Start again"));
}

function open(item) {
  view.detail(detail, item, { like });
  detail.showModal();
}

// --- hands ---------------------------------------------------------------------------------------------------------

composer.addEventListener("submit", (event) => {
  event.preventDefault();
  const words = text.value;
  text.value = "";
  wish(words);
});
composer.addEventListener("click", (event) => { if (event.target === composer) text.focus(); });
$("pick").addEventListener("click", () => file.click());
file.addEventListener("change", async () => { const [picture] = file.files; file.value = ""; await upload(picture); });
more.addEventListener("click", () => go({ ...current, k: Math.min(state.MOST, current.k + state.PAGE) }, { replace: true }));
detail.addEventListener("click", (event) => { if (event.target === detail) detail.close(); }); // the backdrop
$("home").addEventListener("click", (event) => {
  if (event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  text.value = "";
  go({});
});
window.addEventListener("popstate", () => { current = state.read(); if (detail.open) detail.close(); show(); });

text.addEventListener("keydown", (event) => {
  if (event.key === "Backspace" && text.value === "") {
    event.preventDefault();
    if (current.but.length) {
      text.value = current.but.at(-1);
      go({ ...current, but: current.but.slice(0, -1), k: state.PAGE });
    } else if (current.item || current.upload) go({ k: state.PAGE });
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

results.addEventListener("keydown", (event) => {
  const frames = [...results.querySelectorAll(".frame[data-id]")];
  const at = frames.indexOf(event.target.closest(".card")?.querySelector(".frame"));
  const columns = getComputedStyle(results).gridTemplateColumns.split(" ").length;
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
  if (event.key === "Escape") text.focus();
  if (!step || at < 0) return;
  event.preventDefault();
  if (at + step < 0) text.focus();
  else frames[Math.min(at + step, frames.length - 1)].focus();
});

document.addEventListener("paste", (event) => {
  const picture = [...(event.clipboardData?.files ?? [])].find((each) => each.type.startsWith("image/"));
  if (!picture) return; // words are pasted as ever
  event.preventDefault();
  upload(picture);
});

let over = 0; // enters less leaves, since every element below sends its own
const carries = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
document.addEventListener("dragenter", (event) => { if (carries(event)) { over += 1; drop.hidden = false; } });
document.addEventListener("dragleave", () => { over = Math.max(0, over - 1); drop.hidden = over === 0; });
document.addEventListener("dragover", (event) => { if (carries(event)) event.preventDefault(); });
document.addEventListener("drop", (event) => {
  if (!carries(event)) return;
  event.preventDefault();
  over = 0;
  drop.hidden = true;
  upload(event.dataTransfer.files[0]);
});

show();
