// The shop search: one query in the address, one answer on the page. This file starts the parts and shows the answer.

import { actions, fill, go, shop, storePosition } from "./actions.js";
import { Listing } from "./answers.js";
import { fetchJson } from "./ask.js";
import * as catalogue from "./filters/catalogue.js";
import * as composer from "./composer.js";
import { sendTo } from "./events.js";
import * as filters from "./filters/panel.js";
import { setPreferredLanguage, t, translate } from "./messages.js";
import * as none from "./none.js";
import * as operator from "./operator.js";
import * as preferences from "./preferences.js";
import * as product from "./product.js";
import * as results from "./results.js";
import * as state from "./state.js";
import * as view from "./view.js";

const REMEMBERED = 8; // answers that back and forward show at once
const $ = (id) => document.getElementById(id);
const [text, problem, count, toolbar, hero, lead] = ["text", "problem", "count", "toolbar", "hero", "lead"].map($);

let pending = new AbortController(); // of the request that is under way
const answers = new Map(); // address → {listing, counts}, the latest last

/** Answers the query; `y` is where a step back in the history had scrolled to. */
actions.show = async (y = null) => {
  pending.abort();
  results.leave();
  const mine = (pending = new AbortController());
  const { query } = shop;
  const isSearch = state.hasQuery(query);
  hero.classList.toggle("unseen", isSearch); // the hidden heading is still the heading of the page
  lead.hidden = isSearch;
  actions.say("");
  composer.drawChips();
  filters.drawActive();
  if (y === null && window.scrollY > toolbar.offsetTop) toolbar.scrollIntoView(); // the first of the new products
  const remembered = y === null ? null : answers.get(key(query));
  if (remembered) {
    draw(remembered.listing);
    drawCounts(remembered.counts);
    window.scrollTo({ top: y });
    return;
  }
  const placeholders = setTimeout(results.drawPlaceholders, 120); // a fast answer would only flicker with placeholders
  const listing = new Listing(query);
  try {
    await listing.load(query.k, mine.signal);
    if (mine.signal.aborted) return;
    draw(listing);
    if (y !== null) window.scrollTo({ top: y });
  } catch (error) {
    if (mine.signal.aborted) return;
    if (error.isAddress) { // the way out is to drop the image itself, beside what is left of the query
      composer.dropAddresses();
      await actions.show();
      actions.say(error.message);
      return;
    }
    draw(null);
    actions.say(error.message, error.again && (() => actions.show()));
    return;
  } finally {
    clearTimeout(placeholders);
    if (!mine.signal.aborted) results.settle();
  }
  try {
    const counts = await listing.counts(mine.signal);
    if (mine.signal.aborted) return;
    drawCounts(counts);
    answers.set(key(query), { listing, counts });
    if (answers.size > REMEMBERED) answers.delete(answers.keys().next().value);
  } catch {
    // the filters stay as they were
  }
};

const key = (query) => state.address({ ...query, product: null, k: state.limits.page });

function draw(listing) {
  results.draw(listing);
  filters.drawTotal(listing?.matches ?? null);
  composer.settle(listing?.items ?? [], { understood: listing?.first?.understood, failed: listing === null });
}

function drawCounts(counts) {
  filters.draw(counts);
  none.drawRelaxations();
}

/** Shows an error message, with a button to try `again` if that may help; an empty message hides it. */
actions.say = (message, again = null) => {
  fill(problem, [message], count);
  problem.hidden = !message;
  if (again) problem.append(view.make("button", { type: "button", on: { click: () => again() } }, t("try_again")));
  else if (message && state.hasQuery(shop.query)) problem.append(view.make("button", { type: "button", on: { click: () => go({}) } }, t("start_again")));
};

$("home").addEventListener("click", (event) => {
  if (event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  text.value = "";
  go({});
});
window.addEventListener("popstate", (event) => {
  const before = key(shop.query);
  shop.query = state.read();
  if (key(shop.query) !== before) actions.show(event.state?.y ?? 0);
  product.sync();
});
window.addEventListener("pagehide", storePosition);

async function start() {
  actions.say("");
  try {
    state.setLimits(await fetchJson("limits"));
    await catalogue.load(fetchJson);
    sendTo(catalogue.catalogue.settings.events_url);
    operator.start(catalogue.catalogue.settings);
  } catch (error) {
    if (error.locked || error.again) { // without them the choices in the address would be ignored
      draw(null);
      actions.say(error.message, start);
      return;
    } // else the search itself reports the problem
  }
  shop.query = state.read(); // again, within these limits
  actions.show(history.state?.y ?? null);
  product.sync();
}

history.scrollRestoration = "manual"; // the products are not there yet when the browser would scroll
document.documentElement.lang = setPreferredLanguage();
translate(document);
preferences.start();
start();
