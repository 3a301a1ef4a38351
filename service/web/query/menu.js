// A small menu at a button, closed by Escape or by a click elsewhere.

import { make } from "../view.js";

let closeMenu = null; // the open one

/** Opens a menu below or above a button, or closes it: `entries` are {label, act}. */
export function openMenu(anchor, label, entries) {
  if (anchor.getAttribute("aria-expanded") === "true") {
    closeMenu(true);
    return;
  }
  const close = (back) => {
    menu.remove();
    document.removeEventListener("pointerdown", elsewhere, true);
    window.removeEventListener("scroll", leave);
    window.removeEventListener("resize", leave);
    anchor.setAttribute("aria-expanded", "false");
    if (back) anchor.focus({ preventScroll: true });
  };
  const leave = () => close(false);
  const elsewhere = (event) => { if (!menu.contains(event.target) && !anchor.contains(event.target)) close(false); };
  const buttons = entries.map(({ label: text, act }) => make("button", { type: "button", role: "menuitem", tabIndex: -1, on: { click: () => { close(true); act(); } } }, text));
  const menu = make("div", { className: "menu", role: "menu", ariaLabel: label }, ...buttons);
  menu.addEventListener("keydown", (event) => {
    const at = buttons.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (event.key === "Escape" || event.key === "Tab") close(true);
    else if (to === undefined) return;
    else buttons.at(to % buttons.length).focus();
    event.preventDefault();
    event.stopPropagation();
  });
  (anchor.closest("dialog") ?? document.body).append(menu);
  place(menu, anchor);
  anchor.setAttribute("aria-expanded", "true");
  closeMenu = close;
  buttons[0].focus({ preventScroll: true });
  document.addEventListener("pointerdown", elsewhere, true);
  window.addEventListener("scroll", leave, { passive: true });
  window.addEventListener("resize", leave);
}

/** Puts the menu near the button, inside the window. */
function place(menu, anchor) {
  const { left, right, top, bottom } = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const x = left + width > innerWidth - 8 ? right - width : left;
  const y = bottom + 6 + height > innerHeight - 8 ? top - height - 6 : bottom + 6;
  Object.assign(menu.style, { left: `${Math.max(8, x)}px`, top: `${Math.max(8, y)}px` });
}
