// The shop search: one query in the address, one answer on the page.

import { answer, fetchJson } from "./ask.js";
import { setSource } from "./key.js";
import * as state from "./state.js";
import * as view from "./view.js";

const $ = (id) => document.getElementById(id);
const [composer, text, chips, file, ideas, problem, count, said, times, notes, results, more, detail, drop, hero, lead] =
  ["composer", "text", "chips", "file", "ideas", "problem", "count", "said", "times", "notes", "results", "more", "detail", "drop", "hero", "lead"].map($);

let current = state.read();
let pending = new AbortController(); // of the request that is under way
let shown = []; // the products on the page
const seen = new Map(); // every product seen so far, by id, so that a reference need not be fetched

// --- changing the query -------------------------------------------------------------------------------------------

function go(changed) {
  current = { item: null, upload: null, but: [], k: state.limits.page, ...changed };
  history.pushState({}, "", state.address(current));
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
  if (clean) go({ ...current, but: [...current.but, clean], k: state.limits.page });
}

async function upload(image) {
  say("");
  if (!image) return;
  let key;
  try {
    key = await state.storeImage(image);
  } catch (error) {
    say(error.message);
    return;
  }
  go({ ...current, item: null, upload: key, k: state.limits.page });
  text.focus();
}

/** Adds the next products below those on the page. */
async function extend() {
  if (more.hasAttribute("aria-busy")) return;
  pending.abort();
  const mine = (pending = new AbortController());
  const larger = { ...current, k: Math.min(state.limits.most, current.k + state.limits.page) };
  more.setAttribute("aria-busy", "true");
  say("");
  try {
    const result = await answer(larger, mine.signal, { known: shown.length });
    if (mine.signal.aborted) return;
    current = larger;
    history.replaceState({}, "", state.address(current));
    const ids = new Set(shown.map(({ id }) => id));
    const added = result.items.filter(({ id }) => !ids.has(id)).map((item) => { seen.set(item.id, item); shown.push(item); return view.card(item, { like, open }); });
    results.append(...added);
    (added[0]?.querySelector(".frame") ?? count).focus();
    showStatus(result);
  } catch (error) {
    if (mine.signal.aborted) return;
    say(error.message, error.again && extend);
    problem.scrollIntoView({ block: "center" }); // the message is far above the button
  } finally {
    more.removeAttribute("aria-busy");
  }
}

// --- showing it ---------------------------------------------------------------------------------------------------

/** Replaces the children of an element; if one of them had the focus, `heir` gets it. */
function fill(element, children, heir = count) {
  const focused = element.contains(document.activeElement);
  element.replaceChildren(...children);
  if (focused) heir.focus({ preventScroll: true });
}

async function show() {
  pending.abort();
  const mine = (pending = new AbortController());
  hero.classList.toggle("unseen", state.hasQuery(current)); // the hidden heading is still the heading of the page
  lead.hidden = state.hasQuery(current);
  say("");
  drawChips();
  offer(false); // the products on the page belong to the previous query
  const placeholders = setTimeout(() => { // a fast answer would only flicker with placeholders
    fill(results, view.ghosts(12));
    results.setAttribute("aria-busy", "true");
    count.textContent = said.textContent = "Searching …";
    times.textContent = "";
  }, 120);
  try {
    const result = await answer(current, mine.signal);
    if (mine.signal.aborted) return;
    draw(result);
  } catch (error) {
    if (mine.signal.aborted) return;
    draw({ items: [], failed: true });
    say(error.message, error.again && show);
  } finally {
    clearTimeout(placeholders);
    if (!mine.signal.aborted) results.removeAttribute("aria-busy");
  }
}

function draw(result) {
  shown = result.items;
  for (const item of shown) seen.set(item.id, item);
  fill(results, shown.map((item) => view.card(item, { like, open })));
  if (!shown.length && !result.failed) results.append(view.make("li", { className: "nothing" }, "No products match. Remove a wish, or try another image."));
  showStatus(result);
  drawIdeas();
  document.title = state.hasQuery(current) ? `${[reference()?.name, ...current.but].filter(Boolean).join(", but ")} · Likebut` : "Likebut: like this, but …";
}

/** Shows the number of products, the time of the search, and whether there are more. */
function showStatus({ total, took, browsing = false, failed = false, notes: remarks = [] }) {
  if (failed) count.textContent = "No products to show";
  else if (browsing) count.textContent = total ? `A look around ${total.toLocaleString()} products` : "The shop is empty";
  else count.textContent = shown.length === 1 ? "1 product" : `${shown.length} products, best first`;
  said.textContent = failed ? "" : count.textContent; // the alert reports a failure
  times.textContent = took ? view.times(took) : "";
  notes.hidden = remarks.length === 0;
  notes.textContent = remarks.map((note) => note[0].toUpperCase() + note.slice(1) + ".").join(" ");
  const all = failed || shown.length < current.k || current.k >= state.limits.most || (total !== undefined && shown.length >= total);
  offer(!all);
}

/** Shows or hides the button for more products. */
function offer(hasMore) {
  if (!hasMore && document.activeElement === more) count.focus({ preventScroll: true });
  more.hidden = !hasMore;
}

function reference() {
  if (current.upload) return { url: state.storedImage(current.upload)?.url ?? "web/icon.svg", name: "your image" };
  if (!current.item) return null;
  const item = seen.get(current.item);
  return { url: view.imageAddress(current.item, 96), name: item ? view.title(item) : "this product" };
}

function drawChips() {
  const chosen = reference();
  const parts = current.but.map((words, at) => view.wishChip(words, {
    but: Boolean(chosen) || at > 0,
    remove: () => { go({ ...current, but: current.but.filter((_, other) => other !== at), k: state.limits.page }); },
  }));
  if (chosen) parts.unshift(view.referenceChip(chosen, { remove: () => go({ ...current, item: null, upload: null, k: state.limits.page }) }));
  fill(chips, parts, text);
  text.placeholder = chosen ? "but … in red, with long sleeves" : current.but.length ? "but …" : "Describe it, or drop an image";
  if (current.item && !seen.has(current.item)) name(current.item);
}

async function name(id) {
  try {
    seen.set(id, await fetchJson(`items/${encodeURIComponent(id)}`, {}));
    if (current.item === id) drawChips();
  } catch {
    // the search itself reports a problem with the reference
  }
}

function drawIdeas() {
  const hasReference = current.item || current.upload;
  const offered = hasReference
    ? view.wishes(seen.get(current.item), [...seen.values()]).filter((words) => !current.but.includes(words)).map((words) => ({ text: words, wish: words }))
    : state.hasQuery(current) ? [] : view.ideas(shown);
  fill(ideas, offered.map((idea) => view.make("button", {
    type: "button",
    on: { click: () => (idea.item ? go({ item: idea.item.id, but: [idea.wish] }) : wish(idea.wish)) },
  }, idea.item ? setSource(view.make("img", { alt: `like ${view.title(idea.item)},` }), view.imageAddress(idea.item.id, 96)) : "", idea.text)));
  ideas.hidden = offered.length === 0;
}

/** Shows an error message, with a button to try `again` if that may help; an empty message hides it. */
function say(message, again = null) {
  fill(problem, [message]);
  problem.hidden = !message;
  if (again) problem.append(view.make("button", { type: "button", on: { click: () => again() } }, "Try again"));
  else if (message && state.hasQuery(current)) problem.append(view.make("button", { type: "button", on: { click: () => go({}) } }, "Start again"));
}

function open(item) {
  view.detail(detail, item, { like });
  detail.showModal();
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
more.addEventListener("click", extend);
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
    if (event.repeat) return; // a held key empties the field and must not remove wishes
    if (current.but.length) {
      text.value = current.but.at(-1);
      go({ ...current, but: current.but.slice(0, -1), k: state.limits.page });
    } else if (current.item || current.upload) go({});
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

async function start() {
  say("");
  try {
    state.setLimits(await fetchJson("limits"));
  } catch (error) {
    if (error.locked) {
      draw({ items: [], failed: true });
      say(error.message, start);
      return;
    } // else the search itself reports the problem
  }
  current = state.read(); // again, within these limits
  show();
}

start();
