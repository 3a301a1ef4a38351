// The favourite products, in this browser only: their hearts on cards and in the dialog, and their number in the header.

import { t } from "../messages.js";
import { make } from "../view.js";
import * as storage from "./storage.js";

const STORED = "likebut:favourites";
const CHANGED = "favourites"; // the event on the document
const SHAPE = "M12 20s-7.5-4.6-7.5-10A4.3 4.3 0 0 1 12 7.2 4.3 4.3 0 0 1 19.5 10c0 5.4-7.5 10-7.5 10z";

let ids = storage.read(STORED).filter((id) => typeof id === "string");

/** Returns the ids of the favourites, the newest first. */
export const list = () => ids;

/** Adds a product, or removes it. */
export function toggle(id) {
  set(ids.includes(id) ? ids.filter((other) => other !== id) : [id, ...ids]);
}

/** Removes products that are no longer in the shop. */
export function forget(gone) {
  if (gone.length) set(ids.filter((id) => !gone.includes(id)));
}

function set(changed) {
  ids = changed.slice(0, storage.MOST);
  storage.write(STORED, ids); // else they last until the page is left
  document.dispatchEvent(new Event(CHANGED));
}

/** Returns the button that makes a product a favourite. */
export function heart(id, name) {
  const button = make("button", { type: "button", className: "heart", ariaLabel: t("favourite", { name }), title: t("favourite_title"), on: { click: () => toggle(id) } }, shape());
  button.dataset.favourite = id;
  button.setAttribute("aria-pressed", String(ids.includes(id)));
  return button;
}

function shape() {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", SHAPE);
  svg.append(path);
  return svg;
}

/** Calls `show` with the number of favourites, now and after each change. */
export function watch(show) {
  document.addEventListener(CHANGED, () => {
    for (const button of document.querySelectorAll("[data-favourite]")) button.setAttribute("aria-pressed", String(ids.includes(button.dataset.favourite)));
    show(ids.length);
  });
  window.addEventListener("storage", ({ key }) => { // another tab changed them
    if (key !== STORED) return;
    ids = storage.read(STORED).filter((id) => typeof id === "string");
    document.dispatchEvent(new Event(CHANGED));
  });
  show(ids.length);
}
