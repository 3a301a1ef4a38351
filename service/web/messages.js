// The texts of the page and of the widget, in the language of the shopper. All of them are in messages.json.

const texts = await (await fetch(new URL("messages.json", import.meta.url))).json();
const STORED = "likebut:language";

/** The languages of messages.json by their codes, in their own words. */
export const LANGUAGES = { en: "English", de: "Deutsch", fr: "Français", es: "Español" };

let language = "en";
let plurals = new Intl.PluralRules(language);

/** Returns the code of the language of `t`. */
export const currentLanguage = () => language;

/** Sets the language to the first of the codes, such as de or de-AT, that has texts; else to English. Returns its code. */
export function setLanguage(...codes) {
  language = codes.map((code) => String(code ?? "").toLowerCase().split("-")[0]).find((code) => code in LANGUAGES) ?? "en";
  plurals = new Intl.PluralRules(language);
  return language;
}

/** Sets the language that the shopper prefers: of the address (?lang=), stored by `storeLanguage`, or of the browser. */
export function setPreferredLanguage() {
  let stored = null;
  try {
    stored = localStorage.getItem(STORED);
  } catch {
    // storage is forbidden
  }
  return setLanguage(new URLSearchParams(location.search).get("lang"), stored, ...navigator.languages);
}

/** Stores the choice of a language for later visits. */
export function storeLanguage(code) {
  try {
    localStorage.setItem(STORED, code);
  } catch {
    // storage is forbidden: the choice lasts until the page is left
  }
}

/** Returns a text: {name} stands for a value, numbers are written as in the language, and `count` chooses the plural. */
export function t(key, values = {}) {
  let text = texts[key]?.[language] ?? texts[key]?.en ?? key;
  if (typeof text === "object") text = text[plurals.select(values.count)] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name] ?? whole;
    return typeof value === "number" ? value.toLocaleString(language) : value;
  });
}

/** Returns whether there is a text of this key. */
export const hasText = (key) => key in texts;

/** Returns a text as nodes: what stands between stars is emphasised. */
export function nodes(key, values) {
  return t(key, values).split("*").map((part, at) => {
    if (at % 2 === 0) return part;
    const emphasised = document.createElement("em");
    emphasised.textContent = part;
    return emphasised;
  }).filter((part) => part !== "");
}

/** Writes the texts into the elements below `root` that name them: data-t for the content, data-t-title for an attribute. */
export function translate(root) {
  for (const element of root.querySelectorAll("[data-t]")) element.replaceChildren(...nodes(element.dataset.t));
  for (const attribute of ["aria-label", "title", "placeholder", "content", "alt"]) {
    for (const element of root.querySelectorAll(`[data-t-${attribute}]`)) {
      element.setAttribute(attribute, t(element.getAttribute(`data-t-${attribute}`)));
    }
  }
}
