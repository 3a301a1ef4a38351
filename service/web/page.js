// The shop search: one query in the address, one answer on the page.

import { answer, fetched } from "/web/ask.js";
import { pictured } from "/web/key.js";
import * as state from "/web/state.js";
import * as view from "/web/view.js";

const $ = (id) => document.getElementById(id);
const [composer, text, chips, file, ideas, problem, count, said, times, notes, results, more, detail, drop, hero, lead] =
  ["composer", "text", "chips", "file", "ideas", "problem", "count", "said", "times", "notes", "results", "more", "detail", "drop", "hero", "lead"].map($);

let current = state.read();
let asking = new AbortController(); // of the answer that is awaited
let shown = []; // the products on the page
const seen = new Map(); // every product met, by id, so that a reference needn't be asked for

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

async function upload(picture) {
  say("");
  if (!picture) return;
  let key;
  try {
    key = await state.keep(picture);
  } catch (error) {
    say(error.message);
    return;
  }
  go({ ...current, item: null, upload: key, k: state.limits.page });
  text.focus();
}

/** Adds the next products below those that are shown, without touching them. */
async function extend() {
  if (more.hasAttribute("aria-busy")) return;
  asking.abort();
  const mine = (asking = new AbortController());
  const wanted = { ...current, k: Math.min(state.limits.most, current.k + state.limits.page) };
  more.setAttribute("aria-busy", "true");
  say("");
  try {
    const found = await answer(wanted, mine.signal, { known: shown.length });
    if (mine.signal.aborted) return;
    current = wanted;
    history.replaceState({}, "", state.address(current));
    const ids = new Set(shown.map(({ id }) => id));
    const added = found.items.filter(({ id }) => !ids.has(id)).map((item) => { seen.set(item.id, item); shown.push(item); return view.card(item, { like, open }); });
    results.append(...added);
    (added[0]?.querySelector(".frame") ?? count).focus();
    tell(found);
  } catch (error) {
    if (mine.signal.aborted) return;
    say(error.message, error.again && extend);
    problem.scrollIntoView({ block: "center" }); // it is far above the button
  } finally {
    more.removeAttribute("aria-busy");
  }
}

// --- showing it ---------------------------------------------------------------------------------------------------

/** Replaces what an element holds; where that had the focus, it goes to the heir instead of getting lost. */
function fill(element, children, heir = count) {
  const held = element.contains(document.activeElement);
  element.replaceChildren(...children);
  if (held) heir.focus({ preventScroll: true });
}

async function show() {
  asking.abort();
  const mine = (asking = new AbortController());
  hero.classList.toggle("unseen", state.asks(current)); // its heading stays the page's, also unseen
  lead.hidden = state.asks(current);
  say("");
  drawChips();
  offer(false); // what is shown is no longer what is asked for
  const patience = setTimeout(() => { // a fast answer needs no ghosts, and flickers with them
    fill(results, view.ghosts(12));
    results.setAttribute("aria-busy", "true");
    count.textContent = said.textContent = "Searching …";
    times.textContent = "";
  }, 120);
  try {
    const found = await answer(current, mine.signal);
    if (mine.signal.aborted) return;
    draw(found);
  } catch (error) {
    if (mine.signal.aborted) return;
    draw({ items: [], failed: true });
    say(error.message, error.again && show);
  } finally {
    clearTimeout(patience);
    if (!mine.signal.aborted) results.removeAttribute("aria-busy");
  }
}

function draw(found) {
  shown = found.items;
  for (const item of shown) seen.set(item.id, item);
  fill(results, shown.map((item) => view.card(item, { like, open })));
  if (!shown.length && !found.failed) results.append(view.make("li", { className: "nothing" }, "Nothing here. Take a wish back, or try another picture."));
  tell(found);
  drawIdeas();
  document.title = state.asks(current) ? `${[reference()?.name, ...current.but].filter(Boolean).join(", but ")} · Likebut` : "Likebut: like this, but …";
}

/** Says how much is shown, how long it took, and whether there is more. */
function tell({ total, took, browsing = false, failed = false, notes: noted = [] }) {
  if (failed) count.textContent = "No products to show";
  else if (browsing) count.textContent = total ? `A look around ${total.toLocaleString()} products` : "The shop is empty";
  else count.textContent = shown.length === 1 ? "1 product" : `${shown.length} products, best first`;
  said.textContent = failed ? "" : count.textContent; // a failure is an alert already
  times.textContent = took ? view.times(took) : "";
  notes.hidden = noted.length === 0;
  notes.textContent = noted.map((note) => note[0].toUpperCase() + note.slice(1) + ".").join(" ");
  const all = failed || shown.length < current.k || current.k >= state.limits.most || (total !== undefined && shown.length >= total);
  offer(!all);
}

/** Offers more products, or no more. */
function offer(any) {
  if (!any && document.activeElement === more) count.focus({ preventScroll: true });
  more.hidden = !any;
}

function reference() {
  if (current.upload) return { url: state.kept(current.upload)?.url ?? "/web/icon.svg", name: "your picture" };
  if (!current.item) return null;
  const item = seen.get(current.item);
  return { url: `/images/${encodeURIComponent(current.item)}?size=96`, name: item ? view.title(item) : "this product" };
}

function drawChips() {
  const given = reference();
  const parts = current.but.map((words, place) => view.wishChip(words, {
    but: Boolean(given) || place > 0,
    remove: () => { go({ ...current, but: current.but.filter((_, at) => at !== place), k: state.limits.page }); },
  }));
  if (given) parts.unshift(view.referenceChip(given, { remove: () => go({ ...current, item: null, upload: null, k: state.limits.page }) }));
  fill(chips, parts, text);
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
  fill(ideas, offered.map((idea) => view.make("button", {
    type: "button",
    on: { click: () => (idea.item ? go({ item: idea.item.id, but: [idea.wish] }) : wish(idea.wish)) },
  }, idea.item ? pictured(view.make("img", { alt: `like ${view.title(idea.item)},` }), `${idea.item.image_url}?size=96`) : "", idea.text)));
  ideas.hidden = offered.length === 0;
}

/** Shows what went wrong, with a button that does it `again` where that may help; nothing where all is well. */
function say(message, again = null) {
  fill(problem, [message]);
  problem.hidden = !message;
  if (again) problem.append(view.make("button", { type: "button", on: { click: () => again() } }, "Try again"));
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
    if (event.repeat) return; // the key is held to empty the field, not to take the search apart
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
  const picture = [...(event.clipboardData?.files ?? [])].find((each) => each.type.startsWith("image/"));
  if (!picture || detail.open) return; // words are pasted as ever
  event.preventDefault();
  upload(picture);
});

let over = 0; // enters less leaves, since every element below sends its own
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
    state.limited(await fetched("/limits"));
  } catch (error) {
    if (error.locked) {
      draw({ items: [], failed: true });
      say(error.message, start);
      return;
    } // else the search itself says what is wrong
  }
  current = state.read(); // again, within those limits
  show();
}

start();
