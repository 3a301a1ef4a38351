// The filters: values with their counts, ranges and stock, beside the products or in a sheet on a phone.

import { fill, go, shop } from "../actions.js";
import { catalogue, label, valueLabel } from "./catalogue.js";
import * as choices from "./choices.js";
import { currentLanguage, t } from "../messages.js";
import { formatNumber } from "../prices.js";
import { rangeControl } from "./slider.js";
import * as state from "../state.js";
import { make } from "../view.js";

const SHOWN = 8; // values of an attribute before the others are asked for
const SEARCHABLE = 14; // values from which they can be searched
const OPEN = 4; // attributes that are open at first

const $ = (id) => document.getElementById(id);
const [panel, sheet, opener, applied, active, count] = ["filters", "sheet", "filter-open", "sheet-done", "active", "count"].map($);
const opened = new Map(); // attribute → whether its values are shown, as the shopper left it
const expanded = new Set(); // attributes of which all values are shown
const searched = new Map(); // attribute → what is searched for among its values
let latest = { facets: {}, ranges: {}, without: {} };

/** Changes the choices of the query, as a step of the history. */
const choose = (changed) => go({ ...shop.query, product: null, k: state.limits.page, choices: { ...shop.query.choices, ...changed } });

/** Shows the filters with the counts of an answer. */
export function draw(counts) {
  latest = counts;
  const chosen = shop.query.choices;
  const focused = panel.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  const groups = [stockGroup(chosen), ...catalogue.ranges.map((one) => rangeGroup(one, chosen)), ...catalogue.facets.map((one, at) => valuesGroup(one, chosen, at))];
  panel.replaceChildren(...groups.filter(Boolean));
  if (focused) (panel.querySelector(`[data-key="${CSS.escape(focused)}"]`) ?? (sheet.open ? applied : count)).focus({ preventScroll: true });
  const hasValues = Object.values(counts.facets).some((values) => values.length) || choices.filtered(chosen).length > 0;
  panel.hidden = !panel.childElementCount || !hasValues;
}

/** Shows the choices as chips, before the answer is there. */
export function drawActive() {
  const chosen = shop.query.choices;
  const chips = [];
  for (const name of choices.filtered(chosen)) {
    if (name === choices.STOCK) chips.push(chip(t("in_stock"), { stock: null }));
    else if (chosen.values[name] && catalogue.facets.some((one) => one.name === name)) {
      for (const value of chosen.values[name]) chips.push(chip(`${label(name)}: ${valueLabel(value)}`, withValue(chosen, name, value, false)));
    } else chips.push(chip(`${label(name)}: ${rangeLabel(name, chosen.ranges[name])}`, { ranges: { ...chosen.ranges, [name]: {} } }));
  }
  if (chips.length > 1) chips.push(make("li", {}, make("button", { type: "button", className: "clear", on: { click: () => choose(cleared()) } }, t("filters_clear"))));
  fill(active, chips, count);
  active.hidden = !chips.length;
  opener.textContent = chips.length ? t("filters_chosen", { count: Math.max(1, chips.length - (chips.length > 1)) }) : t("filters");
  opener.hidden = shop.query.favourites || !catalogue.facets.length && !catalogue.ranges.length && !catalogue.hasStock;
}

/** Says in the sheet how many products there are; null if that is not known. */
export function drawTotal(total) {
  applied.textContent = total === null ? t("filters_show_some") : t("filters_show", { count: total });
}

/** Returns what the shopper could leave out, as {text, count, apply}: each filter without which there are products. */
export function relaxations() {
  const chosen = shop.query.choices;
  return choices.filtered(chosen).filter((name) => latest.without[name]).map((name) => ({
    text: t("none_without", { filter: name === choices.STOCK ? t("in_stock") : label(name), count: latest.without[name] }),
    apply: () => choose(name === choices.STOCK ? { stock: null } : { values: { ...chosen.values, [name]: [] }, ranges: { ...chosen.ranges, [name]: {} } }),
  }));
}

/** Removes all filters; the order stays. */
export const clear = () => choose(cleared());
const cleared = () => ({ values: {}, ranges: {}, stock: shop.query.choices.stock === "last" ? "last" : null });

function chip(text, changed) {
  return make("li", { className: "filter-chip" }, make("span", {}, text),
    make("button", { type: "button", ariaLabel: t("filters_remove", { filter: text }), on: { click: () => choose(changed) } }, "×"));
}

function withValue(chosen, name, value, isChosen) {
  const others = (chosen.values[name] ?? []).filter((other) => other !== value);
  return { values: { ...chosen.values, [name]: isChosen ? [...others, value] : others } };
}

function rangeLabel(name, { gte, lte }) {
  const written = (number) => formatNumber(number, name === catalogue.price);
  if (gte === undefined) return t("range_up_to", { most: written(lte) });
  return lte === undefined ? t("range_from", { least: written(gte) }) : t("range_between", { least: written(gte), most: written(lte) });
}

function group(name, title, isOpen, ...content) {
  const details = make("details", { className: "facet", open: opened.get(name) ?? isOpen },
    make("summary", {}, title), make("div", { role: "group", ariaLabel: title }, ...content));
  details.querySelector("summary").dataset.key = `group ${name}`;
  details.addEventListener("toggle", () => opened.set(name, details.open));
  return details;
}

function stockGroup(chosen) {
  if (!catalogue.hasStock) return null;
  const known = latest.facets[choices.STOCK];
  const inStock = known && chosen.stock !== "in" ? known.find(({ value }) => value === true)?.count ?? 0 : null;
  const toggle = (text, stock, number) => checkbox(`stock ${stock}`, text, number, chosen.stock === stock, (isOn) => choose({ stock: isOn ? stock : null }));
  return group(choices.STOCK, t("availability"), true, toggle(t("in_stock"), "in", inStock), toggle(t("sold_out_last"), "last", null));
}

function rangeGroup({ name, type }, chosen) {
  const bounds = latest.ranges[name];
  const own = chosen.ranges[name] ?? {};
  if (!bounds && !Object.keys(own).length) return null;
  const isPrice = name === catalogue.price;
  const control = rangeControl({ name, label: label(name), isWhole: type === "integer", bounds: bounds ?? { min: own.gte ?? 0, max: own.lte ?? own.gte ?? 0 }, own,
    format: (number) => formatNumber(number, isPrice), change: (range) => choose({ ranges: { ...shop.query.choices.ranges, [name]: range } }) });
  return group(name, label(name), isPrice, control);
}

function valuesGroup({ name }, chosen, at) {
  const own = chosen.values[name] ?? [];
  const values = (latest.facets[name] ?? []).map(({ value, count: number }) => ({ value: String(value), number }));
  for (const value of own) if (!values.some((one) => one.value === value)) values.push({ value, number: 0 });
  if (!values.length) return null;
  const isChosen = ({ value }) => own.includes(value);
  const first = [...values.filter((one, place) => place < SHOWN || isChosen(one))];
  const list = make("div", { className: "values" });
  const content = [list];
  const row = ({ value, number }) => checkbox(`${name} ${value}`, valueLabel(value), number, own.includes(value), (isOn) => choose(withValue(shop.query.choices, name, value, isOn)));
  const more = make("button", { type: "button", className: "values-more", ariaExpanded: String(expanded.has(name)) });
  more.dataset.key = `more ${name}`;
  const field = make("input", { type: "search", className: "values-search", value: searched.get(name) ?? "", ariaLabel: t("values_search", { attribute: label(name) }), placeholder: t("values_search", { attribute: label(name) }) });
  field.dataset.key = `search ${name}`;
  const show = () => {
    const isAll = expanded.has(name);
    const wanted = isAll ? fold(field.value) : "";
    const listed = isAll ? [...values].sort(byName).filter(({ value }) => fold(valueLabel(value)).includes(wanted)) : first;
    list.replaceChildren(...listed.map(row));
    field.hidden = !isAll || values.length < SEARCHABLE;
    more.textContent = isAll ? t("values_fewer") : t("values_all", { count: values.length });
    more.setAttribute("aria-expanded", String(isAll));
  };
  field.addEventListener("input", () => { searched.set(name, field.value); show(); });
  more.addEventListener("click", () => { if (!expanded.delete(name)) expanded.add(name); show(); });
  show();
  content.unshift(field);
  if (values.length > first.length) content.push(more);
  return group(name, label(name), at < OPEN || own.length > 0, ...content);
}

const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLocaleLowerCase();
const byName = (one, other) => valueLabel(one.value).localeCompare(valueLabel(other.value), currentLanguage(), { numeric: true });

function checkbox(key, text, number, isChecked, change) {
  const box = make("input", { type: "checkbox", checked: isChecked, on: { change: (event) => change(event.target.checked) } });
  box.dataset.key = key;
  if (number !== null) box.setAttribute("aria-label", t("values_count", { value: text, count: number }));
  return make("label", { className: number === 0 ? "value none" : "value" }, box, make("span", { className: "value-name" }, text),
    number === null ? null : make("span", { className: "value-count" }, number.toLocaleString(currentLanguage())));
}

// --- on a phone -------------------------------------------------------------------------------------------------------

const home = panel.parentElement; // beside the products
const narrow = window.matchMedia("(max-width: 899px)");

opener.addEventListener("click", () => {
  sheet.querySelector(".sheet-body").append(panel);
  sheet.showModal();
});
applied.addEventListener("click", () => sheet.close());
sheet.addEventListener("click", (event) => { if (event.target === sheet) sheet.close(); }); // the backdrop
sheet.addEventListener("close", () => { home.append(panel); });
narrow.addEventListener("change", () => { if (!narrow.matches) sheet.close(); });
