// A range of numbers: a slider with two thumbs, and a field for each of them.

import { bounded } from "./choices.js";
import { t } from "../messages.js";
import { make } from "../view.js";

const PAUSE_MS = 450; // after the last move, before the products follow
const STEPS = 100; // of the slider, about

/**
 * Returns the control of a range. `bounds` {min, max} are those of the products, `own` {gte, lte} what was chosen; `change` gets what is chosen
 * next, without a bound that leaves nothing out.
 */
export function rangeControl({ name, label, isWhole, bounds, own, format, change }) {
  const step = stepOf(bounds.max - bounds.min, isWhole);
  const round = (number) => Number(number.toPrecision(12)); // without the dust of binary fractions
  const least = round(Math.floor(bounds.min / step) * step);
  const most = round(Math.max(Math.ceil(bounds.max / step) * step, least + step));
  const clamp = (number) => Math.min(Math.max(number, least), most);
  let [low, high] = [clamp(own.gte ?? least), clamp(own.lte ?? most)];
  let waiting;

  const thumb = (key, value) => withKey(make("input", { type: "range", min: least, max: most, step, value }), `${key} ${name}`);
  const field = (key, value) => withKey(make("input", { type: "number", min: least, max: most, step: "any", value, inputMode: "decimal" }), `${key} field ${name}`);
  const thumbs = [thumb("least", low), thumb("most", high)];
  const fields = [field("least", low), field("most", high)];
  const names = [t("range_least", { attribute: label }), t("range_most", { attribute: label })];
  for (const controls of [thumbs, fields]) controls.forEach((control, at) => control.setAttribute("aria-label", names[at]));
  const track = make("div", { className: "track" }, ...thumbs);
  const text = make("p", { className: "range-text" });

  const show = () => {
    [low, high].forEach((value, at) => {
      thumbs[at].value = value;
      thumbs[at].setAttribute("aria-valuetext", format(value));
      fields[at].value = value;
    });
    const share = (value) => `${((value - least) / (most - least)) * 100}%`;
    track.style.setProperty("--low", share(low));
    track.style.setProperty("--high", share(high));
    text.textContent = t("range_between", { least: format(low), most: format(high) });
  };
  const commit = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => change(bounded(low > least ? low : null, high < most ? high : null)), PAUSE_MS);
  };
  thumbs[0].addEventListener("input", () => { low = Math.min(Number(thumbs[0].value), high); show(); commit(); });
  thumbs[1].addEventListener("input", () => { high = Math.max(Number(thumbs[1].value), low); show(); commit(); });
  fields.forEach((input, at) => input.addEventListener("change", () => {
    const number = clamp(input.value === "" ? [least, most][at] : Number(input.value));
    if (at === 0) low = Math.min(number, high);
    else high = Math.max(number, low);
    show();
    commit();
  }));
  show();
  return make("div", { className: "range" }, text, track, make("div", { className: "range-fields" }, fields[0], make("span", { ariaHidden: "true" }, "–"), fields[1]));
}

function withKey(element, key) {
  element.dataset.key = key;
  return element;
}

/** Returns a round step: 1, 2 or 5 times a power of ten; a whole number if the values are. */
function stepOf(extent, isWhole) {
  const raw = Math.max(extent, 1e-9) / STEPS;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= raw) * power;
  return isWhole || extent >= STEPS / 2 ? Math.max(1, step) : step;
}
