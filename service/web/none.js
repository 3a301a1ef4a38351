// The honest empty result: what the shopper may leave out or write differently, and the closest products.

import { actions, fill, go, shop } from "./actions.js";
import { fetchJson } from "./ask.js";
import * as choices from "./filters/choices.js";
import * as filters from "./filters/panel.js";
import { t } from "./messages.js";
import { make } from "./view.js";

const empty = document.getElementById("empty");
const MOST = 4; // other spellings

/** Shows the message of a listing without a match, and hides it for another; `showClose` shows the closest products. */
export function draw(listing, { isCloseShown, showClose }) {
  if (listing?.kind === "favourites" && !listing.items.length) {
    empty.hidden = false;
    empty.replaceChildren(make("p", {}, t("no_favourites")));
    return;
  }
  const isEmpty = listing !== null && (!listing.items.length || listing.kind === "text" && listing.matches === 0);
  empty.hidden = !isEmpty;
  empty.replaceChildren();
  if (!isEmpty) return;
  const { query } = listing;
  const rows = [make("div", { className: "options", id: "none-filters" })];
  if (query.but.length) {
    rows.push(make("p", {}, t("none_words")), make("div", { className: "options", id: "none-spelling" }));
    spell(query, rows.at(-1));
  }
  const buttons = [];
  if (!isCloseShown && listing.items.length) buttons.push(button(t("none_closest"), () => { showClose(); }));
  if (query.but.length || query.references.length || choices.filtered(query.choices).length) buttons.push(button(t("start_again"), () => go({})));
  empty.append(...rows, make("div", { className: "options" }, ...buttons));
}

/** Adds what the shopper could leave out, as soon as the filters are counted. */
export function drawRelaxations() {
  const place = document.getElementById("none-filters");
  const offers = filters.relaxations();
  if (!place || empty.hidden || !offers.length) return;
  const all = choices.filtered(shop.query.choices).length > 1 ? [button(t("filters_clear"), filters.clear)] : [];
  fill(place, [make("p", {}, t("none_filters")), ...offers.map(({ text, apply }) => button(text, apply)), ...all], document.getElementById("count"));
}

/** Offers other spellings of the last wish, if the service suggests some. */
async function spell(query, place) {
  const words = query.but.at(-1);
  const { suggestions = [] } = await fetchJson(`suggestions?${new URLSearchParams({ q: words, limit: String(MOST) })}`).catch(() => ({}));
  const others = suggestions.filter(({ text }) => text.toLowerCase() !== words.toLowerCase()).slice(0, MOST);
  if (!others.length || !place.isConnected) return;
  place.append(make("p", {}, t("none_spelling")), ...others.map(({ text }) => button(text, () => { actions.say(""); go({ ...query, product: null, but: [...query.but.slice(0, -1), text] }); })));
}

const button = (text, click) => make("button", { type: "button", className: "pill", on: { click } }, text);
