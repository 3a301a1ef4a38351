// The shop search: one query in the address, one answer on the page. This file starts the parts and shows the answer.

import { actions, fill, go, shop } from "./actions.js";
import { answer } from "./answers.js";
import { fetchJson } from "./ask.js";
import * as composer from "./composer.js";
import { setPreferredLanguage, t, translate } from "./messages.js";
import "./product.js";
import * as results from "./results.js";
import * as state from "./state.js";
import * as view from "./view.js";

const $ = (id) => document.getElementById(id);
const [text, problem, count, detail, hero, lead] = ["text", "problem", "count", "detail", "hero", "lead"].map($);

let pending = new AbortController(); // of the request that is under way

actions.show = async () => {
  pending.abort();
  results.leave();
  const mine = (pending = new AbortController());
  const { query } = shop;
  hero.classList.toggle("unseen", state.hasQuery(query)); // the hidden heading is still the heading of the page
  lead.hidden = state.hasQuery(query);
  actions.say("");
  composer.drawChips();
  const placeholders = setTimeout(results.drawPlaceholders, 120); // a fast answer would only flicker with placeholders
  try {
    const result = await answer(query, mine.signal);
    if (mine.signal.aborted) return;
    draw(result);
  } catch (error) {
    if (mine.signal.aborted) return;
    if (error.isAddress) { // the way out is to drop the image itself, beside what is left of the query
      composer.dropAddresses();
      await actions.show();
      actions.say(error.message);
      return;
    }
    draw({ items: [], failed: true });
    actions.say(error.message, error.again && actions.show);
  } finally {
    clearTimeout(placeholders);
    if (!mine.signal.aborted) results.settle();
  }
};

function draw(result) {
  results.draw(result);
  composer.settle(results.shown, result);
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
window.addEventListener("popstate", () => { shop.query = state.read(); if (detail.open) detail.close(); actions.show(); });

async function start() {
  actions.say("");
  try {
    state.setLimits(await fetchJson("limits"));
  } catch (error) {
    if (error.locked) {
      draw({ items: [], failed: true });
      actions.say(error.message, start);
      return;
    } // else the search itself reports the problem
  }
  shop.query = state.read(); // again, within these limits
  actions.show();
}

document.documentElement.lang = setPreferredLanguage();
translate(document);
start();
