// The shop of a widget: its searches, settings and images, for a page of another origin.

import { failure, failureOf } from "../problems.js";

const PAGE = 24; // products that are shown at once
const MOST = 480; // products of one search
const LEAST_CHANCE = 0.2; // below it, a product is no match for words
const WINDOW = 1000; // the most hits that the service compares with that chance
const READING = /^the text was read as: (.*)$/; // the note of a misspelt text
const TIMEOUT_MS = 30_000;
const REFUSALS = new Set([401, 403, 421]); // of what the page sends; a shopper cannot change it

/** A service at an address, and the key for it, empty if it needs none. */
export class Shop {
  #address;
  #key;
  #images;
  #setup = null; // promise of settings and limits
  #hasAnswered = false;

  constructor(address, key) {
    this.#address = new URL(address.endsWith("/") ? address : `${address}/`, document.baseURI).href;
    this.#key = key;
    this.#images = new KeyedImages((url, signal) => fetch(url, { signal, headers: this.#headers() }));
  }

  /** Returns {currency, link, basket_url, events_url, page, imageBytes}, fetched once; throws an error for the shopper. */
  setup() {
    return (this.#setup ??= this.#fetchSetup().catch((error) => {
      this.#setup = null;
      throw error;
    }));
  }

  async #fetchSetup() {
    const [settings, limits] = await Promise.all([this.#fetch("storefront"), this.#fetch("limits", { headers: this.#headers() })]);
    return { ...settings, page: Math.min(PAGE, limits.max_k), imageBytes: limits.max_image_bytes };
  }

  /**
   * Returns the products that follow `shown` (ids) for a query {reference, wishes, literal}: {hits, understood, matches, reading,
   * closestFrom, more}. From rank `closestFrom` on they are only the closest ones to words that they do not match, null for none; `more` is
   * the message of the button for what follows, null if nothing does. Throws an error for the shopper.
   */
  async search(query, { shown = [], closestFrom = null, signal }) {
    const { reference, wishes, literal } = query;
    const { page } = await this.setup();
    const words = wishes.length > 1 ? { steps: wishes } : wishes.length ? { text: wishes[0] } : {};
    const image = reference?.id === undefined ? {} : { image: { item_id: reference.id, ...(reference.number && { image: reference.number }) } };
    const others = closestFrom ? { exclude_ids: shown.slice(0, closestFrom) } : {};
    const body = { ...words, ...image, ...others, ...(literal.length && { literal }), k: page, offset: shown.length - (closestFrom ?? 0) };
    const isCounted = !reference && closestFrom === null;
    const answer = await this.#search(isCounted ? { ...body, min_chance: LEAST_CHANCE, window: WINDOW } : body, reference?.blob, signal).catch((error) => {
      if (isCounted && error.field === "min_chance") return this.#search(body, null, signal); // the model tells no chances
      throw error;
    });
    const matches = answer.matches ?? null;
    if (matches === 0 && closestFrom === null) return { ...await this.search(query, { closestFrom: 0, signal }), matches };
    const count = shown.length + answer.hits.length;
    const isFull = answer.hits.length === page && count < Math.min(matches ?? answer.total, MOST);
    const hasClosest = matches !== null && count === matches && matches < Math.min(answer.total, MOST);
    const reading = answer.notes?.map((note) => READING.exec(note)?.[1]).find(Boolean) ?? null;
    return { hits: answer.hits, understood: answer.understood ?? [], matches, reading, closestFrom, more: isFull ? "show_more" : hasClosest ? "none_closest" : null };
  }

  #search(body, file, signal) {
    if (!file) return this.#fetch("search", { method: "POST", signal, body: JSON.stringify(body), headers: this.#headers({ "Content-Type": "application/json" }) });
    const { k, text, ...query } = body;
    const form = new FormData();
    form.set("k", String(k));
    if (text) form.set("text", text);
    form.set("query", JSON.stringify(query));
    form.set("image", file);
    return this.#fetch("search", { method: "POST", signal, body: form, headers: this.#headers() });
  }

  /** Sets the source of an image to that of a product, no larger than `size`; of several, the one of this number. */
  showImage(image, id, size, number = 0) {
    const address = new URL(`images/${encodeURIComponent(id)}?size=${size}${number ? `&image=${number}` : ""}`, this.#address).href;
    if (this.#key) this.#images.add(image, address);
    else {
      image.crossOrigin = "anonymous"; // a page that isolates itself (COEP) shows no other images
      image.src = address;
    }
  }

  /** Sets the source of an image to that of the reference of a query, which may be a file. */
  showReference(image, { blob, id, number }, size) {
    if (blob) showBlob(image, blob);
    else this.showImage(image, id, size, number);
  }

  /** Forgets the images that were not fetched yet. */
  forgetImages() {
    this.#images.clear();
  }

  #headers(others = {}) {
    return this.#key ? { ...others, Authorization: `Bearer ${this.#key}` } : others;
  }

  /** Returns the JSON at a path of the service; throws an error for the shopper, and tells developers the reason in the console. */
  async #fetch(path, options = {}) {
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    let response;
    try {
      response = await fetch(new URL(path, this.#address), { ...options, signal: options.signal ? AbortSignal.any([options.signal, timeout]) : timeout });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw await this.#unreachable();
    }
    this.#hasAnswered = true;
    const isJson = /\bjson\b/.test(response.headers.get("content-type") ?? "");
    const body = isJson ? await response.json().catch(() => ({})) : {};
    if (response.ok && isJson) return body;
    const isOther = !isJson || (response.status === 404 && body.type === "about:blank"); // no Likebut, or another path
    if (!isOther && !REFUSALS.has(response.status)) {
      report(`${this.#address}${path} answered ${response.status}: ${body.detail ?? ""}`);
      throw Object.assign(failureOf(response.status, body), { field: body.errors?.[0]?.field });
    }
    if (isOther) report(`${this.#address} is no Likebut service (${path}: ${response.status}): set the attribute shop to its address`);
    else if (response.status === 401 && !this.#key) report(`${this.#address} needs a key: set the attribute key to one of the role search, or start the service with --public-rate-per-s`);
    else report(`${this.#address} refused the key of the attribute key: ${body.detail ?? response.status}`);
    throw failure("widget_closed");
  }

  /** Returns the error for a request without a response: the browser does not say whether CORS forbade it. */
  async #unreachable() {
    const isOwn = new URL(this.#address).origin === location.origin;
    if (this.#hasAnswered || isOwn || navigator.onLine === false) return failure("error_unreachable", true);
    try {
      await fetch(new URL("livez", this.#address), { mode: "no-cors", cache: "no-store", signal: AbortSignal.timeout(5000) });
    } catch {
      report(`${this.#address} cannot be reached from ${location.origin}`);
      return failure("error_unreachable", true);
    }
    report(`${this.#address} does not let this page read its answers: start the service with --cors-origins ${location.origin} and --keys`);
    return failure("widget_closed");
  }
}

function showBlob(image, blob) {
  const source = URL.createObjectURL(blob);
  for (const end of ["load", "error"]) image.addEventListener(end, () => URL.revokeObjectURL(source), { once: true });
  image.loading = "eager"; // a lazy image that leaves the page would never load, and its URL would never be revoked
  image.src = source;
}

const report = (text) => console.error(`likebut-search: ${text}`);

const AT_ONCE = 6;

/** Images that need a key: an <img> sends no header, so they are fetched when they come near the screen, a few at a time. */
class KeyedImages {
  #fetch;
  #addresses = new WeakMap();
  #queue = [];
  #running = 0;
  #pending = new AbortController();
  #near = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) if (isIntersecting) this.#enqueue(target);
  }, { rootMargin: "400px" });

  constructor(fetchWithKey) {
    this.#fetch = fetchWithKey;
  }

  add(image, address) {
    this.#addresses.set(image, address);
    this.#near.observe(image);
  }

  clear() {
    this.#near.disconnect();
    this.#queue = [];
    this.#pending.abort();
    this.#pending = new AbortController();
  }

  #enqueue(image) {
    this.#near.unobserve(image);
    this.#queue.push(image);
    this.#next();
  }

  async #next() {
    if (this.#running >= AT_ONCE || !this.#queue.length) return;
    this.#running += 1;
    await this.#load(this.#queue.shift(), this.#pending.signal);
    this.#running -= 1;
    this.#next();
  }

  async #load(image, signal) {
    try {
      const response = await this.#fetch(this.#addresses.get(image), signal);
      if (!response.ok) throw new Error(response.statusText);
      const blob = await response.blob();
      if (!signal.aborted) showBlob(image, blob);
    } catch {
      if (!signal.aborted) image.dispatchEvent(new Event("error"));
    }
  }
}
