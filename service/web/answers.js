// The answer to a query: which searches it takes, and what they say together.

import { fetchJson, items, members, postJson } from "./ask.js";
import { facets } from "./filters/catalogue.js";
import * as choices from "./filters/choices.js";
import * as liked from "./query/favourites.js";
import * as state from "./state.js";

const LEAST_CHANCE = 0.2; // from which a product counts as a match of a text, chosen by reading searches of the demo
const WINDOW = 1000; // the most hits that the service arranges and counts
/** Hits that the service ranks. */
export const DEEPEST = 10_000;
const BROWSED = 200; // items of one page of the gallery
const MOST_WITHOUT = 4; // filters for which it is counted how many products there are without them

/**
 * The products of one query, loaded page by page.
 *
 * `items` has them in order. From `split` on they are only close to the query; null if that is not known or there are none. `matches` is the
 * number of products that match on all pages, `total` that of products that pass the filter, null if unknown.
 */
export class Listing {
  constructor(query) {
    this.query = query;
    this.kind = kindOf(query);
    this.isSorted = choices.sort(query.choices).length > 0;
    this.items = [];
    this.split = null;
    this.matches = null;
    this.total = null;
    this.isComplete = false;
    this.first = null; // the first answer: its time, notes and facets
    this.body = null; // promise of the members of the query
  }

  /** Loads until there are `count` products or no more, and returns the new ones. */
  async load(count, signal) {
    const before = this.items.length;
    while (this.items.length < count && !this.isComplete) {
      const known = `${this.items.length} ${this.split} ${this.kind}`;
      const step = { favourites: this.favourites, browse: this.browse, text: this.match, image: this.rank }[this.kind];
      await step.call(this, count - this.items.length, signal);
      if (signal.aborted) break;
      this.isComplete ||= known === `${this.items.length} ${this.split} ${this.kind}`; // nothing new came
    }
    return this.items.slice(before);
  }

  /** Loads the favourite products; those that are no longer in the shop are no favourites any more. */
  async favourites(_, signal) {
    const ids = liked.list();
    const products = await items(ids, signal);
    liked.forget(ids.filter((_id, at) => products[at] === null));
    this.add(products.filter(Boolean));
    this.matches = this.total = this.items.length;
    this.isComplete = true;
  }

  async browse(count, signal) {
    const { items, total, ...rest } = await fetchJson(browseAddress(this.query.choices, {
      offset: this.items.length, limit: Math.min(BROWSED, count), facets: this.first ? [] : facets(),
    }), { signal });
    this.first ??= rest;
    this.total = this.matches = total;
    this.add(items);
    this.isComplete = !items.length || this.items.length >= total;
  }

  /** Loads products that match a text, and after them those that are close to it. */
  async match(count, signal) {
    if (this.split !== null) return this.near(count, signal);
    const k = Math.min(state.limits.request, count);
    const body = { ...(await this.members()), ...counted(this.query, this.first ? [] : facets()), k, offset: this.items.length };
    let answer;
    try {
      answer = await postJson("search", body, signal);
    } catch (error) {
      if (error.field !== "min_chance") throw error;
      this.kind = "image"; // the model tells no chances: products are ranked and not counted
      return undefined;
    }
    this.first ??= answer;
    this.total = answer.total;
    this.matches = answer.matches ?? null;
    this.add(answer.hits);
    if (this.matches === null) this.kind = "image";
    else if (!answer.hits.length || this.items.length >= this.matches) this.split = this.items.length;
    return undefined;
  }

  async near(count, signal) {
    const body = { ...(await this.members()), filter: choices.filter(this.query.choices), exclude_ids: this.items.slice(0, this.split).map(({ id }) => id) };
    const offset = this.items.length - this.split;
    const { hits } = await postJson("search", { ...body, k: Math.min(state.limits.request, count), offset }, signal);
    this.add(hits);
    this.isComplete = !hits.length || this.items.length >= DEEPEST - WINDOW;
  }

  /** Loads products by their similarity, of which no number match: what is like an image, but …, has no sharp end. */
  async rank(count, signal) {
    const offset = this.items.length;
    const k = Math.min(state.limits.request, count, DEEPEST - offset);
    const answer = await postJson("search", { ...(await this.members()), ...choices.conditions(this.query.choices), k, offset }, signal);
    this.first ??= answer;
    this.total = answer.total;
    this.add(answer.hits);
    this.isComplete = answer.hits.length < k || this.items.length >= DEEPEST;
  }

  members() {
    return (this.body ??= members(this.query));
  }

  add(hits) {
    const ids = new Set(this.items.map(({ id }) => id));
    this.items.push(...hits.filter(({ id }) => !ids.has(id))); // a change in between may move a product to the next page
  }

  /**
   * Returns {facets, ranges, without} for the filters: the values of each attribute with their counts, as if nothing of this attribute were
   * chosen, and the number of products without each filter.
   */
  async counts(signal) {
    if (this.kind === "favourites") return { facets: {}, ranges: {}, without: {} };
    const { query } = this;
    const chosen = choices.filtered(query.choices).slice(0, MOST_WITHOUT);
    const isText = this.kind === "text";
    const own = this.first?.facets && (isText || this.kind === "browse") ? this.first : await fetchJson(browseAddress(query.choices, { limit: 1, facets: facets() }), { signal });
    let others;
    if (isText && chosen.length) {
      const body = await this.members();
      const searches = chosen.map((name) => ({ ...body, ...counted(query, facets([name]), name), k: 1, fields: [] }));
      others = (await postJson("searches", { searches }, signal)).answers;
    } else others = await Promise.all(chosen.map((name) => fetchJson(browseAddress(query.choices, { limit: 1, facets: facets([name]), without: name }), { signal })));
    const without = {};
    const merged = { facets: { ...own.facets }, ranges: { ...own.ranges }, without };
    chosen.forEach((name, at) => {
      if (!others[at].facets) return; // a problem
      Object.assign(merged.facets, others[at].facets);
      Object.assign(merged.ranges, others[at].ranges);
      without[name] = others[at].matches ?? others[at].total;
    });
    return merged;
  }
}

function kindOf(query) {
  if (query.favourites) return "favourites";
  if (!state.hasQuery(query)) return "browse";
  return query.references.length || query.less.length ? "image" : "text";
}

/** Returns the members of a search that returns, sorts and counts the products that match a text. */
function counted(query, wanted, without = null) {
  const members = { ...choices.conditions(query.choices), filter: choices.filter(query.choices, without) };
  return { ...members, facets: wanted, min_chance: LEAST_CHANCE, window: WINDOW, facet_scope: "hits" };
}

function browseAddress(chosen, { offset = 0, limit, facets: wanted, without = null }) {
  const parameters = new URLSearchParams({ offset, limit });
  const members = { filter: choices.filter(chosen, without), sort: choices.sort(chosen), last: choices.last(chosen), facets: wanted };
  for (const [name, value] of Object.entries(members)) if (Object.keys(value).length) parameters.set(name, JSON.stringify(value));
  return `browse?${parameters}`;
}
