// What only an operator of the shop sees: that its images are unlike those that the model knows, and how to change the model.

import { fetchJson } from "./ask.js";
import { storedKey } from "./key.js";
import { currentLanguage, t } from "./messages.js";
import { make } from "./view.js";

const HIDDEN = "likebut:operator"; // the snapshot whose remark this tab hides
const place = document.getElementById("operator");

/** Shows a remark on the gallery to an operator, as the settings of the shop say that the caller is one. */
export async function start({ operator }) {
  if (!operator) return;
  const gallery = await fetchJson("index").catch(() => ({})); // without an answer the page works as for a shopper
  if (!gallery.unlike?.many || hidden() === gallery.snapshot) return;
  const share = gallery.unlike.share.toLocaleString(currentLanguage(), { style: "percent", maximumFractionDigits: 0 });
  const command = (text) => make("pre", { tabIndex: 0 }, text);
  const [exported, tailored] = gallery.unlike.commands.map(command);
  const keyed = storedKey() ? `-H "Authorization: Bearer $KEY" ` : "";
  const built = `curl ${new URL("index", location.href).href} ${keyed}-H 'Content-Type: application/json' -d '{"bundle": "vit-b-32"}'`;
  place.replaceChildren(make("details", {},
    make("summary", {}, t("operator_unlike", { share })),
    make("p", {}, t("operator_model", { model: gallery.model, count: gallery.images })),
    make("p", {}, t("operator_export")), exported,
    make("p", {}, t("operator_tailor")), tailored,
    make("p", {}, t("operator_build")), command(built),
    make("button", { type: "button", className: "pill", on: { click: () => hide(gallery.snapshot) } }, t("operator_hide"))));
  place.hidden = false;
}

function hidden() {
  try {
    return sessionStorage.getItem(HIDDEN);
  } catch {
    return null;
  }
}

function hide(snapshot) {
  place.hidden = true;
  document.getElementById("text").focus({ preventScroll: true }); // the button with the focus is gone
  try {
    sessionStorage.setItem(HIDDEN, snapshot);
  } catch {
    // storage is forbidden: it is hidden until the page is left
  }
}
