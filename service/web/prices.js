// Prices and other numbers of the page, with the currency of its shop.

import { catalogue } from "./filters/catalogue.js";
import { currentLanguage } from "./messages.js";
import { money, price } from "./product_text.js";

/** Returns the price of a product as text; null if there is none. */
export const formatPrice = (attributes) => price(attributes, catalogue.settings.currency);

/** Returns a number of an attribute as text; a price has a currency. */
export const formatNumber = (number, isPrice) => (isPrice ? money(number, catalogue.settings.currency) : number.toLocaleString(currentLanguage()));
