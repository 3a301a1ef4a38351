// The state that the parts of the page share, and the actions that they offer to each other.

import * as state from "./state.js";

/** The query in the address, and every product seen so far by id, so that a reference need not be fetched. */
export const shop = { query: state.read(), seen: new Map() };

/** Filled by the parts: a part calls those of others through it, so that no two parts import each other. */
export const actions = {
  show: null, // page.js: answers the query that is in the address
  say: null, // page.js: shows an error message
  like: null, // composer.js: searches with a product as reference
  add: null, // composer.js: adds a product to the images of the query
  avoid: null, // composer.js: adds a product to the images to be unlike
  open: null, // product.js: opens the dialog of a product
};

/** Changes the query, as a step of the history, and shows its answer; what is left out becomes empty. */
export function go(changed) {
  shop.query = state.complete({ product: null, ...changed });
  storePosition();
  history.pushState({}, "", state.address(shop.query));
  actions.show();
}

/** Stores how far the page is scrolled with its step of the history. */
export const storePosition = () => history.replaceState({ ...history.state, y: window.scrollY }, "");

/** Replaces the children of an element; if one of them had the focus, `heir` gets it. */
export function fill(element, children, heir) {
  const focused = element.contains(document.activeElement);
  element.replaceChildren(...children);
  if (focused) heir.focus({ preventScroll: true });
}
