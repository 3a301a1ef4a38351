// The dialog of an image of the query: the part that counts, how much it counts, and whether to be unlike it.

import { t } from "../messages.js";
import { make } from "../view.js";
import { cropper } from "./crop.js";
import { WEIGHTS } from "./references.js";

/**
 * Opens the dialog of an image {url, name, weight, box, less}; `url` is null if the page cannot show it. `canWeigh` offers
 * weights, `canTurn` to be unlike it or like it. Calls `change` with {weight, box, less} unless nothing changed, or `remove`.
 */
export function openImageDialog(image, { canWeigh, canTurn, change, remove }) {
  const crop = image.url ? cropper(image) : null;
  const close = () => dialog.close();
  let less = image.less;
  const weight = () => Number(dialog.querySelector("input[name=weight]:checked")?.value ?? image.weight);
  const apply = () => {
    close();
    const next = { weight: weight(), box: crop?.box() ?? null, less };
    if (["weight", "box", "less"].some((name) => JSON.stringify(next[name]) !== JSON.stringify(image[name]))) change(next);
  };
  const whole = make("button", { type: "button", className: "quiet", disabled: image.box === null, on: { click: () => { crop.reset(); use.focus(); } } }, t("whole_image"));
  const use = make("button", { type: "button", className: "primary", on: { click: apply } }, t("use_image"));
  if (crop) crop.onchange = () => { whole.disabled = crop.box() === null; };
  const dialog = make("dialog", { className: "detail part", ariaLabelledby: "part-title" },
    make("div", { className: "words" },
      make("div", { className: "head" },
        make("h2", { id: "part-title" }, image.less ? t("less_like", { name: image.name }) : image.name),
        make("button", { type: "button", className: "shut", ariaLabel: t("close"), on: { click: close } }, "×")),
      make("p", { className: "hint" }, t(crop ? "crop_hint" : "image_elsewhere")),
      crop ? crop.element : null,
      canWeigh ? weights(image.weight) : null,
      make("div", { className: "row" },
        use,
        crop ? whole : null,
        canTurn ? make("button", { type: "button", className: "quiet", on: { click: () => { less = !less; apply(); } } }, t(image.less ? "more_like_it" : "less_like_it")) : null,
        make("button", { type: "button", className: "quiet", on: { click: () => { close(); remove(); } } }, t("remove")))));
  dialog.addEventListener("click", (event) => { if (event.target === dialog) close(); }); // the backdrop
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  use.focus({ preventScroll: true });
}

/** Returns the choice of a weight. */
function weights(chosen) {
  const names = ["weight_less", "weight_same", "weight_more"];
  return make("fieldset", { className: "segments" },
    make("legend", {}, t("weight_legend")),
    ...WEIGHTS.map((weight, at) => make("label", {},
      make("input", { type: "radio", name: "weight", value: String(weight), checked: weight === chosen }),
      make("span", {}, t(names[at])))));
}
