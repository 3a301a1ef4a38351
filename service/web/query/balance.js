// The choice between the picture and the words of a query that has both.

import { t } from "../messages.js";
import { make } from "../view.js";

/** The share of the words' own embedding in the query; null leaves it to the model, which changes the picture as the words say. */
const SHARES = [null, 0.4, 0.7];

/** Returns the choice; `choose` is called with the share of the words. */
export function balance(chosen, choose) {
  const names = ["balance_picture", "balance_both", "balance_words"];
  return make("fieldset", { className: "segments" },
    make("legend", { className: "unseen" }, t("balance_legend")),
    ...SHARES.map((share, at) => make("label", {},
      make("input", { type: "radio", name: "balance", checked: share === chosen, on: { change: () => choose(share) } }),
      make("span", {}, t(names[at])))));
}
