// The products of an answer: the grid, their number, and more of them.

import { actions, fill, shop } from "./actions.js";
import { answer } from "./answers.js";
import { t } from "./messages.js";
import * as state from "./state.js";
import * as view from "./view.js";

const $ = (id) => document.getElementById(id);
const [text, problem, count, said, times, notes, results, more] = ["text", "problem", "count", "said", "times", "notes", "results", "more"].map($);

/** The products on the page. */
export let shown = [];

let extending = new AbortController(); // of the request for more products, if one is under way

const card = (item) => view.card(item, { ...actions, isSearch: state.hasQuery(shop.query) });

/** Prepares for another answer: the products on the page belong to the previous query. */
export function leave() {
  extending.abort();
  offer(false);
}

/** Shows placeholders until the answer is there. */
export function drawPlaceholders() {
  fill(results, view.ghosts(12), count);
  results.setAttribute("aria-busy", "true");
  count.textContent = said.textContent = t("searching");
  times.textContent = "";
}

/** Ends `drawPlaceholders`. */
export const settle = () => results.removeAttribute("aria-busy");

/** Shows the products of an answer. */
export function draw(result) {
  shown = result.items;
  for (const item of shown) shop.seen.set(item.id, item);
  fill(results, shown.map(card), count);
  if (!shown.length && !result.failed) results.append(view.make("li", { className: "nothing" }, t(result.favourites ? "no_favourites" : "no_match")));
  showStatus(result);
}

/** Adds the next products below those on the page. */
async function extend() {
  if (more.hasAttribute("aria-busy")) return;
  const mine = (extending = new AbortController());
  const larger = { ...shop.query, k: Math.min(state.limits.most, shop.query.k + state.limits.page) };
  more.setAttribute("aria-busy", "true");
  actions.say("");
  try {
    const result = await answer(larger, mine.signal, { known: shown.length });
    if (mine.signal.aborted) return;
    shop.query = larger;
    history.replaceState({}, "", state.address(larger));
    const ids = new Set(shown.map(({ id }) => id));
    const added = result.items.filter(({ id }) => !ids.has(id));
    for (const item of added) shop.seen.set(item.id, item);
    shown.push(...added);
    const cards = added.map(card);
    results.append(...cards);
    (cards[0]?.querySelector(".frame") ?? count).focus();
    showStatus(result);
  } catch (error) {
    if (mine.signal.aborted) return;
    actions.say(error.message, error.again && extend);
    problem.scrollIntoView({ block: "center" }); // the message is far above the button
  } finally {
    more.removeAttribute("aria-busy");
  }
}

/** Shows the number of products, the time of the search, and whether there are more. */
function showStatus({ total, took, browsing = false, favourites = false, failed = false, notes: remarks = [] }) {
  if (failed) count.textContent = t("nothing_to_show");
  else if (favourites) count.textContent = t("count_favourites", { count: shown.length });
  else if (browsing) count.textContent = total ? t("count_browse", { count: total }) : t("empty_shop");
  else count.textContent = t("count_best", { count: shown.length });
  said.textContent = failed ? "" : count.textContent; // the alert reports a failure
  times.textContent = took ? view.times(took) : "";
  notes.hidden = remarks.length === 0;
  notes.textContent = remarks.map((note) => note[0].toUpperCase() + note.slice(1) + ".").join(" ");
  const all = failed || shown.length < shop.query.k || shop.query.k >= state.limits.most || (total !== undefined && shown.length >= total);
  offer(!all);
}

/** Shows or hides the button for more products. */
function offer(hasMore) {
  if (!hasMore && document.activeElement === more) count.focus({ preventScroll: true });
  more.hidden = !hasMore;
}

more.addEventListener("click", extend);

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
