// Prices and other numbers, written as in the language of the shopper.

import { catalogue } from "./filters/catalogue.js";
import { currentLanguage } from "./messages.js";

const CURRENCY = /^[A-Z]{3}$/;

/** Returns the price of a product as text: a number with its currency, a string unchanged; null if there is none. */
export function formatPrice({ price, currency }) {
  if (typeof price === "number") return formatMoney(price, currency);
  return typeof price === "string" && price.trim() ? price : null;
}

/** Returns a number of an attribute as text; a price has a currency. */
export function formatNumber(number, isPrice) {
  return isPrice ? formatMoney(number) : number.toLocaleString(currentLanguage());
}

function formatMoney(amount, currency = null) {
  const code = [currency, catalogue.settings.currency].find((one) => typeof one === "string" && CURRENCY.test(one));
  if (code) return amount.toLocaleString(currentLanguage(), { style: "currency", currency: code });
  return amount.toLocaleString(currentLanguage(), { minimumFractionDigits: 2, maximumFractionDigits: 2 });
}
