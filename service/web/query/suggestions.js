// What the search box offers below it: suggestions of the service while typing, and the last searches in the empty box.

import { withKey } from "../key.js";
import { t } from "../messages.js";
import { make } from "../view.js";
import * as past from "./history.js";

const DELAY_MS = 120; // after a keystroke
const MOST = 8;
const FEWEST_LETTERS = 2;

/**
 * Makes a text field a combobox with the list in `panel`. `choose` is called with the text of a suggestion, `visit` with the
 * address of an earlier search. Returns a function that closes the list.
 */
export function start({ text, panel, list, footer, choose, visit }) {
  let isOffered = true; // until the service answers that it has no suggestions
  let pending = new AbortController();
  let timer = 0;
  let active = -1;
  const options = () => [...list.children];

  function close() {
    clearTimeout(timer);
    pending.abort();
    panel.hidden = true;
    text.setAttribute("aria-expanded", "false");
    activate(-1);
  }

  function activate(at) {
    active = at;
    options().forEach((option, other) => option.setAttribute("aria-selected", String(other === at)));
    if (at < 0) text.removeAttribute("aria-activedescendant");
    else {
      text.setAttribute("aria-activedescendant", options()[at].id);
      options()[at].scrollIntoView({ block: "nearest" });
    }
  }

  function open(entries, label, below) {
    if (!entries.length) {
      close();
      return;
    }
    list.setAttribute("aria-label", label);
    list.replaceChildren(...entries.map(({ children, act }, at) => {
      const option = make("li", { id: `offer-${at}`, role: "option", on: { click: () => { close(); act(); } } }, ...children);
      option.addEventListener("pointermove", () => { if (active !== at) activate(at); });
      return option;
    }));
    footer.replaceChildren(...below);
    footer.hidden = below.length === 0;
    panel.hidden = false;
    text.setAttribute("aria-expanded", "true");
    activate(-1);
  }

  async function suggest() {
    pending.abort();
    const mine = (pending = new AbortController());
    const typed = text.value.trim();
    try {
      const response = await fetch(`suggestions?${new URLSearchParams({ q: typed, limit: MOST })}`, { signal: mine.signal, headers: withKey() });
      if (response.status === 404) isOffered = false;
      if (!response.ok) {
        close();
        return;
      }
      const { suggestions } = await response.json();
      if (mine.signal.aborted || document.activeElement !== text) return;
      open(suggestions.map((one) => ({ children: suggestion(one, typed), act: () => choose(one.text) })), t("suggestions"), []);
    } catch {
      if (!mine.signal.aborted) close(); // a list of ideas is not worth an error message
    }
  }

  /** Shows the last searches, or suggestions if there are words. */
  function offer() {
    if (text.value.trim().length >= FEWEST_LETTERS) {
      if (isOffered) suggest();
      return;
    }
    if (text.value.trim()) return;
    const clear = make("button", { type: "button", className: "quiet", on: { click: () => { past.clear(); close(); text.focus(); } } }, t("history_clear"));
    open(past.list().slice(0, MOST).map(({ address, label }) => ({ children: [make("span", { className: "clock", ariaHidden: "true" }, "↺"), make("span", { className: "word" }, label)], act: () => visit(address) })),
      t("history"), [make("span", {}, t("history_local")), clear]);
  }

  text.addEventListener("input", () => {
    clearTimeout(timer);
    pending.abort();
    const length = text.value.trim().length;
    if (length < FEWEST_LETTERS || !isOffered) close();
    else timer = setTimeout(suggest, DELAY_MS);
  });
  text.addEventListener("click", () => { if (panel.hidden) offer(); });
  text.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (panel.hidden) {
      if (event.altKey && event.key === "ArrowDown") offer();
      else return;
    } else if (event.key === "Escape") close();
    else if (event.key === "Enter" && active >= 0) options()[active].click();
    else if (event.key === "ArrowDown") activate(active + 1 < options().length ? active + 1 : -1);
    else if (event.key === "ArrowUp") activate(active < 0 ? options().length - 1 : active - 1);
    else return;
    event.preventDefault();
    event.stopImmediatePropagation(); // the search box has keys of its own
  });
  panel.addEventListener("pointerdown", (event) => { if (!event.target.closest("button")) event.preventDefault(); }); // the field keeps the focus
  panel.parentElement.addEventListener("focusout", (event) => { if (!panel.contains(event.relatedTarget) && event.relatedTarget !== text) close(); });
  return close;
}

/** Returns a suggestion with what is typed marked, its attribute and its number of products. */
function suggestion({ text, attribute, count }, typed) {
  const at = text.toLowerCase().indexOf(typed.toLowerCase());
  const parts = at < 0 ? [text] : [text.slice(0, at), make("mark", {}, text.slice(at, at + typed.length)), text.slice(at + typed.length)];
  const facts = [attribute === "title" ? null : attribute?.replaceAll("_", " "), count > 1 ? t("count_products", { count }) : null];
  return [make("span", { className: "word" }, ...parts), make("span", { className: "sort" }, facts.filter(Boolean).join(" · "))];
}
