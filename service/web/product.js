// The dialog of a product.

import { actions } from "./actions.js";
import * as view from "./view.js";

const dialog = document.getElementById("detail");

actions.open = (item) => {
  view.detail(dialog, item, { like: actions.like });
  dialog.showModal();
};

dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); }); // the backdrop
