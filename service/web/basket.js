// The way from a product to the shop's own pages: its link, and the basket.

import { catalogue } from "./filters/catalogue.js";
import * as events from "./events.js";
import { webAddress } from "./product_text.js";

/** Returns the address of the product in the shop, null if it has none. */
export function buyLink(item) {
  return webAddress(item.attributes[catalogue.settings.link ?? "link"]);
}

/** Returns whether something takes products into a basket: a function of the page around, or an address of the shop. */
export const basketIsThere = () => typeof window.likebut?.onAdd === "function" || Boolean(catalogue.settings.basket_url);

/**
 * Adds a product to the basket: dispatches the event `likebut:added`, and calls `likebut.onAdd`; unless a listener prevents it or the function
 * is there, opens the address of the shop's basket.
 */
export function addToBasket(item, words) {
  const proceeds = events.added(item.id, words);
  if (typeof window.likebut?.onAdd === "function") window.likebut.onAdd(item);
  else if (proceeds) {
    const address = webAddress(catalogue.settings.basket_url?.replaceAll("{id}", encodeURIComponent(item.id)));
    if (address) location.assign(address);
  }
}
