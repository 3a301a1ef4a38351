// The dialog of a product, which has an address of its own.

import { actions, shop } from "./actions.js";
import { fetchJson } from "./ask.js";
import * as events from "./events.js";
import { addToBasket, basketIsThere, buyLink } from "./basket.js";
import { label, valueLabel } from "./filters/catalogue.js";
import { setSource } from "./key.js";
import { nodes, t } from "./messages.js";
import { title } from "./product_text.js";
import { formatPrice } from "./prices.js";
import { heart } from "./query/favourites.js";
import * as state from "./state.js";
import * as view from "./view.js";

const { make } = view;
const dialog = document.getElementById("detail");
const APART = new Set(["title", "name", "price", "currency", "in_stock", "link"]); // shown separately
const COPIED_MS = 2500;

let isStep = false; // the open dialog is a step of the history, so that back closes it

actions.open = (item) => {
  shop.query = { ...shop.query, product: item.id };
  history.pushState({ y: window.scrollY }, "", state.address(shop.query));
  isStep = true;
  const rank = rankOf(item.id);
  events.clicked(item.id, rank, shop.query.but.join(", "));
  draw(item);
};

/** Returns the place of a product among those on the page, from 1; null if it is not there. */
function rankOf(id) {
  const at = [...document.querySelectorAll(".grid .frame[data-id]")].findIndex((frame) => frame.dataset.id === id);
  return at < 0 ? null : at + 1;
}

/** Opens or closes the dialog as the address says. */
export async function sync() {
  const id = shop.query.product;
  isStep = false;
  if (!id) {
    if (dialog.open) dialog.close();
    return;
  }
  if (dialog.open && dialog.dataset.id === id) return;
  try {
    const item = shop.seen.get(id) ?? await fetchJson(`items/${encodeURIComponent(id)}`, {});
    shop.seen.set(id, item);
    if (shop.query.product === id) draw(item);
  } catch (error) {
    actions.say(error.message);
  }
}

/** Closes the dialog without a step of the history: what follows is one. */
export function leave() {
  if (!dialog.open) return;
  shop.query = { ...shop.query, product: null };
  dialog.close();
}

function draw(item) {
  const { in_stock: inStock } = item.attributes;
  const name = title(item);
  const isSoldOut = inStock === false;
  const facts = Object.entries(item.attributes)
    .filter(([key, value]) => key.trim() && !APART.has(key) && value !== null && value !== "" && value !== "none" && !isAddress(value))
    .flatMap(([key, value]) => [make("dt", {}, label(key)), make("dd", {}, Array.isArray(value) ? value.join(", ") : valueLabel(value))]);
  const price = formatPrice(item.attributes);
  const address = buyLink(item);
  const act = (key, action, className = "quiet") => make("button", { type: "button", className, on: { click: action } }, ...nodes(key));
  const share = act("share", () => shareAddress(share));
  const add = !isSoldOut && basketIsThere() ? act("add", () => { addToBasket(item, shop.query.but.join(", ")); add.textContent = t("added"); }, address ? "secondary" : "primary") : null;
  const like = act("more_like_this", () => { leave(); actions.like(item); }, address || add ? "secondary" : "primary");
  const buttons = [
    address && !isSoldOut ? make("a", { className: "primary", href: address, target: "_blank", rel: "noopener nofollow" }, t("buy")) : null,
    add, like,
    ...(state.hasQuery(shop.query) ? [act("add_to_search", () => { leave(); actions.add(item); }), act("less_like_it", () => { leave(); actions.avoid(item); })] : []),
    share,
  ].filter(Boolean);
  buttons[0].autofocus = true;
  dialog.dataset.id = item.id;
  dialog.replaceChildren(
    make("button", { type: "button", className: "close", ariaLabel: t("close"), on: { click: () => dialog.close() } }, "×"),
    make("div", { className: "sides" }, pictures(item, name),
      make("div", { className: "words" },
        make("h2", { id: "detail-title" }, name),
        price || isSoldOut ? make("p", { className: "price" }, price ?? "", isSoldOut ? make("span", { className: "badge" }, t("sold_out")) : null) : null,
        make("div", { className: "buttons" }, ...buttons),
        facts.length ? make("dl", {}, ...facts) : null)));
  if (!dialog.open) dialog.showModal();
}

/** Returns the image of a product, uncropped, and if it has several, a button for each. */
function pictures(item, name) {
  const count = item.images?.length ?? 1;
  const picture = setSource(make("img", { className: "picture", alt: name }), view.imageAddress(item.id, 1024, item.image ?? 0));
  if (count < 2) return make("div", { className: "pictures" }, picture, heart(item.id, name));
  const thumbnails = Array.from({ length: count }, (_, number) => {
    const button = make("button", { type: "button", ariaLabel: t("picture_of", { number: number + 1, name }), ariaPressed: String(number === (item.image ?? 0)) },
      setSource(make("img", { alt: "" }), view.imageAddress(item.id, 160, number)));
    button.addEventListener("click", () => {
      setSource(picture, view.imageAddress(item.id, 1024, number));
      for (const other of button.parentElement.children) other.setAttribute("aria-pressed", String(other === button));
    });
    return button;
  });
  return make("div", { className: "pictures" }, picture, heart(item.id, name), make("div", { className: "thumbnails", role: "group", ariaLabel: name }, ...thumbnails));
}

const isAddress = (value) => typeof value === "string" && /^https?:/.test(value);

/** Shares the address of the page by the device, or copies it. */
async function shareAddress(button) {
  const address = new URL(state.address({ ...state.EMPTY, k: state.limits.page, product: shop.query.product }), location.href).href;
  try {
    if (navigator.share && matchMedia("(pointer: coarse)").matches) await navigator.share({ url: address });
    else {
      await navigator.clipboard.writeText(address);
      button.textContent = t("copied");
      setTimeout(() => { button.textContent = t("share"); }, COPIED_MS);
    }
  } catch {
    // the shopper closed the menu, or the browser forbids it
  }
}

dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); }); // the backdrop
dialog.addEventListener("close", () => {
  delete dialog.dataset.id;
  if (!shop.query.product) return; // the address is another already
  if (isStep) history.back();
  else {
    shop.query = { ...shop.query, product: null };
    history.replaceState(history.state, "", state.address(shop.query));
  }
  isStep = false;
});
