// <likebut-search>: the search of a shop on a page of another site, in a shadow tree of its own. docs/widget.md describes it.

import * as events from "./events.js";
import { setLanguage, t } from "./messages.js";
import { title, webAddress, withoutBut } from "./product_text.js";
import { sendable } from "./query/uploads.js";
import { Shop } from "./widget/shop.js";
import * as view from "./widget/view.js";

const ELEMENT = "likebut-search";
const HERE = new URL("../", import.meta.url).href; // the service of this file, also below a path
const EMPTY = { reference: null, wishes: [], literal: [] };
const MOST_WISHES = 20; // as many phrases may be literal

const sheet = new CSSStyleSheet(); // no <style>: a page's policy (CSP) need not allow any
sheet.replaceSync(await (await fetch(new URL("widget/widget.css", import.meta.url))).text());

class LikebutSearch extends HTMLElement {
  static observedAttributes = ["shop", "key", "lang", "add"];
  #shop = null;
  #parts = null;
  #language = "en";
  #query = EMPTY;
  #shown = [];
  #next = { more: null, matches: null, closestFrom: null }; // of the last answer
  #settings = {};
  #searching = new AbortController();

  connectedCallback() {
    const [item, wish] = [this.getAttribute("item"), this.getAttribute("query")?.trim()];
    if (this.#shop === null && (item || wish)) this.#query = { ...EMPTY, reference: item ? { id: item, name: null } : null, wishes: wish ? [wish] : [] };
    this.#build();
  }

  disconnectedCallback() {
    this.#searching.abort();
    this.#shop.forgetImages();
  }

  attributeChangedCallback() {
    if (this.isConnected && this.#shop) this.#build();
  }

  /** Moves the focus to the search box. */
  focus(options) {
    this.#parts?.text.focus(options);
  }

  /** Builds everything again, and answers the query that was there. */
  #build() {
    this.#shop?.forgetImages();
    this.#shop = new Shop(this.getAttribute("shop") || HERE, this.getAttribute("key")?.trim() ?? "");
    this.#language = setLanguage(this.lang, this.parentElement?.closest("[lang]")?.lang, ...navigator.languages);
    this.#parts = view.frame({
      submit: () => this.#submit(),
      choose: (file) => this.#upload(file),
      edit: (event) => this.#edit(event),
      restart: () => { this.#go(EMPTY); this.focus(); },
      extend: () => this.#extend(),
    });
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheet];
    root.replaceChildren(this.#parts.root);
    const { root: body, form, text } = this.#parts;
    text.addEventListener("focus", () => this.#shop.setup().catch(() => {}), { once: true }); // a search would say what is wrong
    body.addEventListener("paste", (event) => this.#take(event, event.clipboardData));
    body.addEventListener("dragover", (event) => { if (event.dataTransfer.types.includes("Files")) { event.preventDefault(); form.classList.add("over"); } });
    body.addEventListener("dragleave", () => form.classList.remove("over"));
    body.addEventListener("drop", (event) => { form.classList.remove("over"); this.#take(event, event.dataTransfer); });
    this.#go({});
  }

  /** Searches with the image that is pasted or dropped, if there is one. */
  #take(event, carried) {
    const files = [...carried.files];
    if (!files.length) return;
    event.preventDefault();
    this.#upload(files.find(({ type }) => type.startsWith("image/")) ?? files[0]);
  }

  #submit() {
    const { text } = this.#parts;
    const hasQuery = this.#query.reference !== null || this.#query.wishes.length > 0;
    const wish = hasQuery ? withoutBut(text.value) : text.value.trim();
    text.value = "";
    this.#go({ wishes: wish ? [...this.#query.wishes, wish].slice(-MOST_WISHES) : this.#query.wishes });
  }

  /** Returns the last wish to the empty field, to change it. */
  #edit(event) {
    const { text } = this.#parts;
    if (event.key !== "Backspace" || event.repeat || text.value || !this.#query.wishes.length) return;
    event.preventDefault();
    text.value = this.#query.wishes.at(-1);
    this.#go({ wishes: this.#query.wishes.slice(0, -1) });
  }

  async #upload(file) {
    if (!file) return;
    this.#speak();
    try {
      const blob = await sendable(file, (await this.#shop.setup()).imageBytes);
      this.#go({ reference: { blob, name: t("your_image") } });
      this.focus();
    } catch (error) {
      this.#fail(error);
    }
  }

  #like(item) {
    this.#parts.text.value = "";
    this.#go({ ...EMPTY, reference: { id: item.id, name: title(item), number: item.image ?? 0 } });
    this.focus({ preventScroll: true });
    this.#parts.form.scrollIntoView({ block: "nearest" });
  }

  #open(item, rank, event) {
    const detail = { id: item.id, attributes: item.attributes, rank };
    events.clicked(item.id, rank, this.#forEvents());
    if (!this.dispatchEvent(new CustomEvent("likebut-open", { detail, bubbles: true, composed: true, cancelable: true }))) event.preventDefault();
  }

  #add(item) {
    const detail = { id: item.id, attributes: item.attributes };
    const proceeds = this.dispatchEvent(new CustomEvent("likebut-add", { detail, bubbles: true, composed: true, cancelable: true }));
    const address = webAddress(this.#settings.basket_url?.replaceAll("{id}", encodeURIComponent(item.id)));
    if (events.added(item.id, this.#forEvents()) && proceeds && address) location.assign(address);
  }

  /** Returns what events say of the query: no image that the shopper brought. */
  #forEvents() {
    return { item: this.#query.reference?.id ?? null, but: this.#query.wishes };
  }

  /** Changes the query and answers it. */
  async #go(changed) {
    const before = this.#query;
    this.#query = { ...before, ...changed };
    const words = this.#query.wishes.join("\n").toLowerCase();
    this.#query.literal = this.#query.literal.filter((phrase) => words.includes(phrase.toLowerCase()));
    this.#searching.abort();
    const mine = (this.#searching = new AbortController());
    this.#shop.forgetImages();
    this.#speak();
    this.#fail(null);
    this.#drawQuery();
    const { status, count, results, more } = this.#parts;
    const hasQuery = this.#query.reference !== null || this.#query.wishes.length > 0;
    status.hidden = !hasQuery;
    more.hidden = true;
    if (!hasQuery) {
      this.#drawResults([]);
      return;
    }
    count.textContent = t("searching");
    results.setAttribute("aria-busy", "true");
    if (!this.#shown.length) results.replaceChildren(...view.ghosts(12));
    try {
      this.#settings = await this.#shop.setup();
      const answer = await this.#shop.search(this.#query, { signal: mine.signal });
      if (mine.signal.aborted) return;
      this.#speak();
      events.sendTo(this.#settings.events_url);
      this.#drawFacts(answer.understood);
      this.#drawResults(answer.hits);
      this.#drawNext(answer);
    } catch (error) {
      if (mine.signal.aborted) return;
      this.#speak();
      this.#drawResults([]);
      count.textContent = ""; // the alert says it
      this.#fail(error, () => this.#go({}));
    }
  }

  /** Shows the next products below the others. */
  async #extend() {
    const { more, results } = this.#parts;
    if (more.getAttribute("aria-busy") === "true") return;
    const { signal } = this.#searching;
    more.setAttribute("aria-busy", "true");
    this.#fail(null);
    try {
      const closestFrom = this.#next.more === "none_closest" ? this.#shown.length : this.#next.closestFrom;
      const answer = await this.#shop.search(this.#query, { shown: this.#shown.map(({ id }) => id), closestFrom, signal });
      if (signal.aborted) return;
      const { hits } = answer;
      this.#speak();
      const ids = new Set(this.#shown.map(({ id }) => id));
      const cards = hits.filter(({ id }) => !ids.has(id)).map((item) => this.#card(item));
      if (closestFrom === ids.size) results.append(view.make("li", { part: "divider", className: "divider" }, t("close_title")));
      results.append(...cards);
      cards[0]?.querySelector("a, button").focus();
      this.#drawNext({ ...answer, matches: answer.matches ?? this.#next.matches });
      events.shown(hits.map(({ id }) => id), this.#forEvents());
    } catch (error) {
      if (signal.aborted) return;
      this.#fail(error, () => this.#extend());
      this.#parts.problem.scrollIntoView({ block: "nearest" }); // it is far above the button
    } finally {
      more.removeAttribute("aria-busy");
    }
  }

  #drawQuery() {
    const { chips, text, facts } = this.#parts;
    const { reference, wishes } = this.#query;
    const hadFocus = chips.contains(this.shadowRoot.activeElement) || facts.contains(this.shadowRoot.activeElement);
    const face = reference && view.referenceChip(reference.name ?? t("this_product"), {
      show: (image) => this.#shop.showReference(image, reference, 96),
      remove: () => this.#go({ reference: null }),
    });
    chips.replaceChildren(...(face ? [face] : []), ...wishes.map((wish, at) =>
      view.wishChip(wish, { isChange: Boolean(reference) || at > 0, remove: () => this.#go({ wishes: wishes.toSpliced(at, 1) }) })));
    chips.hidden = !chips.children.length;
    text.placeholder = t(wishes.length ? "placeholder_but" : reference ? "placeholder_image" : "placeholder");
    this.#drawFacts([]);
    if (hadFocus) text.focus({ preventScroll: true });
  }

  #drawFacts(understood) {
    const { facts } = this.#parts;
    const phrases = [...new Set(understood.map(({ text }) => text))];
    facts.replaceChildren(...phrases.map((phrase) =>
      view.factChip(phrase, { remove: () => this.#go({ literal: [...this.#query.literal, phrase].slice(-MOST_WISHES) }) })));
    facts.hidden = !phrases.length;
  }

  /** Says how many products there are, and offers the next ones. */
  #drawNext(answer) {
    const { matches, closestFrom, more, reading } = (this.#next = answer);
    const key = closestFrom === 0 ? "count_closest" : matches === null ? "count_best" : "count_matches";
    const parts = [this.#shown.length ? t(key, { count: matches || this.#shown.length }) : t("none_title"), ...(reading ? [t("note_read", { text: reading })] : [])];
    this.#parts.count.textContent = parts.join(" · ");
    this.#parts.more.hidden = more === null;
    if (more) this.#parts.more.textContent = t(more);
  }

  #drawResults(hits) {
    const { results, again } = this.#parts;
    if (results.contains(this.shadowRoot.activeElement)) this.focus({ preventScroll: true });
    this.#shown = [];
    results.replaceChildren(...hits.map((item) => this.#card(item)));
    results.removeAttribute("aria-busy");
    again.hidden = false;
    if (hits.length) events.shown(hits.map(({ id }) => id), this.#forEvents());
  }

  #card(item) {
    this.#shown.push(item);
    const rank = this.#shown.length;
    const { currency, link, basket_url: basket } = this.#settings;
    return view.card(item, {
      currency,
      link: webAddress(item.attributes[link ?? "link"]),
      show: (image) => this.#shop.showImage(image, item.id, 480, item.image),
      open: (event) => this.#open(item, rank, event),
      like: () => this.#like(item),
      add: basket || this.hasAttribute("add") ? () => this.#add(item) : null,
    });
  }

  /** Shows an error for the shopper, with a button if a retry may help; null removes the last one. */
  #fail(error, retry = null) {
    const { problem, text } = this.#parts;
    const hadFocus = problem.contains(this.shadowRoot.activeElement);
    problem.hidden = error === null;
    const button = error?.again && retry ? view.make("button", { type: "button", on: { click: retry } }, t("try_again")) : null;
    problem.replaceChildren(...(error ? [view.make("span", {}, error.message), ...(button ? [button] : [])] : []));
    if (hadFocus) text.focus({ preventScroll: true });
  }

  /** Lets `t` speak the language of this widget: a page may have several. */
  #speak() {
    setLanguage(this.#language);
  }
}

/** Puts a widget into each element that a tag of this script names by data-target; its other data- attributes become those of the widget. */
function place() {
  for (const { src, dataset: { target, ...attributes } } of document.querySelectorAll("script[data-target]")) {
    const parent = src === import.meta.url ? document.querySelector(target) : null;
    if (src === import.meta.url && !parent) console.error(`${ELEMENT}: no element of this page matches data-target="${target}"`);
    if (!parent) continue;
    const widget = document.createElement(ELEMENT);
    for (const [name, value] of Object.entries(attributes)) widget.setAttribute(name, value);
    parent.append(widget);
  }
}

if (!customElements.get(ELEMENT)) {
  customElements.define(ELEMENT, LikebutSearch);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", place);
  else place();
}
