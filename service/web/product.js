// The dialog of a product.

import { actions, shop } from "./actions.js";
import * as state from "./state.js";
import * as view from "./view.js";

const dialog = document.getElementById("detail");

actions.open = (item) => {
  view.detail(dialog, item, { ...actions, isSearch: state.hasQuery(shop.query) });
  dialog.showModal();
};

dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); }); // the backdrop
