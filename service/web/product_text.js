// Texts about products that the page and the widget write alike. This file knows neither of them.

import { currentLanguage } from "./messages.js";

const BUT = /^(but|aber|mais|pero)\s+(?=\S)/i; // the chip says it already
const CURRENCY = /^[A-Z]{3}$/;

/** Returns the name of a product. */
export function title({ id, attributes: { title: own, name, category } }) {
  return String(own || name || category || id.split("/").pop().replace(/[-_]+/g, " "));
}

/** Returns the price of a product with its currency, else the shop's; a text unchanged, null if there is none. */
export function price({ price: amount, currency }, ofShop) {
  if (typeof amount === "string") return amount.trim() || null;
  return typeof amount === "number" ? money(amount, currency, ofShop) : null;
}

/** Returns an amount in the shopper's language, with the first of these that is the code of a currency. */
export function money(amount, ...currencies) {
  const currency = currencies.map((code) => String(code ?? "").toUpperCase()).find((code) => CURRENCY.test(code));
  return amount.toLocaleString(currentLanguage(), currency ? { style: "currency", currency } : { minimumFractionDigits: 2, maximumFractionDigits: 2 });
}

/** Returns an address of the web, never of a script; null for anything else. */
export function webAddress(text) {
  if (typeof text !== "string" || !text.trim() || !URL.canParse(text, document.baseURI)) return null;
  const address = new URL(text, document.baseURI);
  return ["http:", "https:"].includes(address.protocol) ? address.href : null;
}

/** Returns a wish without the "but" of its placeholder, in any language of the page. */
export const withoutBut = (words) => words.trim().replace(BUT, "");
