// The products of an answer: the grid, their number, their order, and more of them.

import { actions, fill, go, shop } from "./actions.js";
import { DEEPEST } from "./answers.js";
import { catalogue } from "./filters/catalogue.js";
import { SORTED } from "./filters/choices.js";
import * as events from "./events.js";
import { currentLanguage, t } from "./messages.js";
import * as none from "./none.js";
import * as state from "./state.js";
import * as view from "./view.js";

const $ = (id) => document.getElementById(id);
const [text, problem, count, said, times, notes, results, close, closeTitle, more, sort, empty] =
  ["text", "problem", "count", "said", "times", "notes", "results", "close", "close-title", "more", "sort", "empty"].map($);

/** The listing on the page, null before the first answer. */
export let listing = null;

let extending = new AbortController(); // of the request for more products, if one is under way
let isCloseShown = true; // close products are hidden if nothing matches words, until the shopper asks for them

const card = (item) => view.card(item, { ...actions, isSearch: state.hasQuery(shop.query) });

/** Prepares for another answer: the products on the page belong to the previous query. */
export function leave() {
  extending.abort();
  offer(false);
}

/** Shows placeholders until the answer is there. */
export function drawPlaceholders() {
  fill(results, view.ghosts(12), count);
  fill(close, [], count);
  closeTitle.hidden = empty.hidden = true;
  results.hidden = false;
  results.setAttribute("aria-busy", "true");
  count.textContent = said.textContent = t("searching");
  times.textContent = "";
}

/** Ends `drawPlaceholders`. */
export const settle = () => results.removeAttribute("aria-busy");

/** Shows the products of a listing; null if the search failed. */
export function draw(next) {
  listing = next;
  const items = listing?.items ?? [];
  for (const item of items) shop.seen.set(item.id, item);
  isCloseShown = !isUnrelated(listing);
  drawCards();
  none.draw(listing, { isCloseShown, showClose: () => { isCloseShown = true; drawCards(); showStatus(); tellShown(items); closeTitle.focus(); } });
  drawSort();
  showStatus();
  if (items.length) tellShown(items);
}

/** Tells of products that were shown; those that are only close count, unless they are hidden. */
function tellShown(items) {
  const visible = isCloseShown ? items : items.slice(0, listing.split);
  if (visible.length) events.shown(visible.map(({ id }) => id), listing.query.but.join(", "));
}

/** Returns whether nothing matches a text, and not even a word of it is known. */
const isUnrelated = (of) => of?.kind === "text" && of.matches === 0 && !of.items.some(({ matched }) => matched?.length);

/** Shows the cards: those that match, and below them those that are close. */
function drawCards() {
  const items = listing?.items ?? [];
  const split = listing?.split ?? items.length;
  fill(results, items.slice(0, split).map(card), count);
  const near = isCloseShown ? items.slice(split) : [];
  fill(close, near.map(card), count);
  closeTitle.hidden = !near.length;
  results.hidden = split === 0 && items.length > 0;
  close.hidden = !near.length;
}

/** Adds the next products below those on the page. */
async function extend() {
  if (more.hasAttribute("aria-busy") || !listing) return;
  const mine = (extending = new AbortController());
  const { split } = listing;
  more.setAttribute("aria-busy", "true");
  actions.say("");
  try {
    const shown = listing.items.length;
    const added = await listing.load(shown + state.limits.page, mine.signal);
    if (mine.signal.aborted) return;
    shop.query = { ...shop.query, k: listing.items.length };
    history.replaceState(history.state, "", state.address(shop.query));
    for (const item of added) shop.seen.set(item.id, item);
    if (listing.split === split) (split === null ? results : close).append(...added.map(card));
    else drawCards();
    if (added.length) events.shown(added.map(({ id }) => id), listing.query.but.join(", "));
    (frameOf(added[0]) ?? count).focus();
    showStatus();
  } catch (error) {
    if (mine.signal.aborted) return;
    actions.say(error.message, error.again && extend);
    problem.scrollIntoView({ block: "center" }); // the message is far above the button
  } finally {
    more.removeAttribute("aria-busy");
  }
}

const frameOf = (item) => (item ? document.querySelector(`.grid .frame[data-id="${CSS.escape(item.id)}"]`) : null);

/** Shows the number of products, the time of the search, and whether there are more. */
function showStatus() {
  count.textContent = listing ? heading() : t("nothing_to_show");
  said.textContent = listing ? count.textContent : ""; // the alert reports a failure
  times.textContent = listing?.first?.took_ms ? view.times(listing.first.took_ms) : "";
  const remarks = (listing?.first?.notes ?? []).map(remark).filter(Boolean);
  notes.hidden = remarks.length === 0;
  notes.textContent = remarks.join(" ");
  offer(Boolean(listing) && !listing.isComplete && isCloseShown && listing.items.length > 0);
}

/** Returns the number of products in words. */
function heading() {
  const { kind, matches, total, items, isSorted, query } = listing;
  const isFiltered = state.isFiltered(query);
  if (kind === "favourites") return t("count_favourites", { count: items.length });
  if (kind === "browse") return total ? t(isFiltered || isSorted ? "count_filtered" : "count_browse", { count: total }) : t(isFiltered ? "none_title" : "empty_shop");
  if (!items.length || kind === "text" && matches === 0) return t("none_title");
  if (kind === "text") return t("count_matches", { count: matches });
  if (isSorted) return t("count_sorted", { count: listing.isComplete ? items.length : Math.min(SORTED, total) });
  return t("count_best", { count: listing.isComplete ? items.length : Math.max(items.length, Math.min(total, DEEPEST)) });
}

/** Returns a note of the service for the shopper; null if it is for its operator. */
function remark(note) {
  const read = /^the text was read as: (.*)$/.exec(note);
  if (read) return t("note_read", { text: read[1] });
  if (note.startsWith("the text was cut")) return t("note_cut");
  if (note.startsWith("a part of the items")) return t("note_part");
  if (/^(no item matches|min_chance was|only the best|lexical_weight was|text_weight was)/.test(note)) return null; // the page says so
  return currentLanguage() === "en" ? `${note[0].toUpperCase()}${note.slice(1)}.` : null;
}

/** Shows or hides the button for more products. */
function offer(hasMore) {
  if (!hasMore && document.activeElement === more) count.focus({ preventScroll: true });
  more.hidden = !hasMore;
}

/** Offers the orders that the shop has. */
function drawSort() {
  const { query } = shop;
  const first = !state.hasQuery(query) ? "sort_mixed" : query.references.length && !query.but.length ? "sort_similar" : "sort_best";
  const orders = [["", first], ...(catalogue.price ? [["price", "sort_price_up"], ["-price", "sort_price_down"]] : []), ...(catalogue.name ? [["name", "sort_name"]] : [])];
  sort.replaceChildren(...orders.map(([value, key]) => view.make("option", { value }, t(key))));
  sort.value = orders.some(([value]) => value === query.choices.sort) ? query.choices.sort : "";
  sort.parentElement.hidden = orders.length < 2 || query.favourites;
}

sort.addEventListener("change", () => go({ ...shop.query, product: null, k: state.limits.page, choices: { ...shop.query.choices, sort: sort.value || null } }));
more.addEventListener("click", extend);

for (const grid of [results, close]) {
  grid.addEventListener("keydown", (event) => {
    const frames = [...document.querySelectorAll(".grid .frame[data-id]")];
    const at = frames.indexOf(event.target.closest(".card")?.querySelector(".frame"));
    const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
    if (event.key === "Escape") text.focus();
    if (!step || at < 0) return;
    event.preventDefault();
    if (at + step < 0) text.focus();
    else frames[Math.min(at + step, frames.length - 1)].focus();
  });
}
