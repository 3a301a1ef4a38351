// What the shopper prefers, stored in this browser: the language of the page, and whether it is light or dark.

import { currentLanguage, LANGUAGES, storeLanguage, t } from "./messages.js";
import { make } from "./view.js";

const STORED = "likebut:theme";
const THEMES = ["system", "light", "dark"];
const [theme, language] = ["theme", "language"].map((id) => document.getElementById(id));

/** Applies the stored theme and shows the two choices. */
export function start() {
  let stored = "system";
  try {
    stored = localStorage.getItem(STORED) ?? "system";
  } catch {
    // storage is forbidden
  }
  apply(THEMES.includes(stored) ? stored : "system");
  theme.replaceChildren(...THEMES.map((value) => make("option", { value }, t(`theme_${value}`))));
  theme.value = document.documentElement.dataset.theme ?? "system";
  language.replaceChildren(...Object.entries(LANGUAGES).map(([value, name]) => make("option", { value, lang: value }, name)));
  language.value = currentLanguage();
}

function apply(value) {
  if (value === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = value;
}

theme.addEventListener("change", () => {
  apply(theme.value);
  try {
    localStorage.setItem(STORED, theme.value);
  } catch {
    // storage is forbidden: the choice lasts until the page is left
  }
});

language.addEventListener("change", () => {
  storeLanguage(language.value);
  const address = new URL(location.href);
  if (address.searchParams.has("lang")) address.searchParams.set("lang", language.value);
  location.assign(address); // every text is written anew
  if (address.href === location.href) location.reload();
});
