/** Calls of the TypeScript client against the service at the address in the first argument; each must hold. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { likebut, ProblemError, type Schemas } from "likebut-client";

const baseUrl = process.argv[2]!;
const shop = likebut({ baseUrl, key: "no key is needed" });
const image = new Blob([await readFile(process.argv[3]!)], { type: "image/jpeg" });
const failure = (status: number) => (error: unknown) => error instanceof ProblemError && error.problem.status === status;

const filter: Schemas["Filter"] = { and: [{ price: { gte: 0 } }, { or: [{ category: "mug" }, { category: { not: ["mug"] } }] }] };
const found = await shop.POST("/search", { body: { text: "red", k: 3, filter } });
assert.equal(found.hits.length, 3);
// @ts-expect-error no condition is called less
await assert.rejects(shop.POST("/search", { body: { text: "red", filter: { price: { less: 3 } } } }), failure(422));
// @ts-expect-error or takes filters
await assert.rejects(shop.POST("/search", { body: { text: "red", filter: { or: ["red"] } } }), failure(422));
// @ts-expect-error no field is called limit
await assert.rejects(shop.POST("/search", { body: { text: "red", limit: 3 } }), failure(422));
// @ts-expect-error a search has a body
await assert.rejects(shop.POST("/search"), failure(415));

const params = { path: { id: "odd/jersey" } };
const put = await shop.PUT("/items/{id}", { params, body: { image: [image], attributes: { title: "Odd jersey" } } });
assert.deepEqual(put.attributes, { title: "Odd jersey" });
const patched = await shop.PATCH("/items/{id}", { params, body: { attributes: { price: 17.9 } } });
assert.deepEqual(patched.attributes, { title: "Odd jersey", price: 17.9 });
const read: Blob = await shop.GET("/images/{id}", { params });
assert.equal(read.size, image.size);
const items = { items: [{ id: "jersey" }, { id: "odd/jersey", delete: true }] };
const { results } = await shop.POST("/items", { body: { items, jersey: [image] } });
assert.deepEqual(results.map(({ status }) => status), ["put", "deleted"]);
await assert.rejects(shop.GET("/items/{id}", { params }), failure(404));
assert.equal(await shop.DELETE("/items/{id}", { params: { path: { id: "jersey" } } }), undefined);
assert.match(await shop.GET("/metrics"), /^# HELP/);

const body = new Blob(["id,image\n1,http://127.0.0.1:1/1.jpg\n"]);
const { job } = await shop.POST("/index", { body, headers: { "Content-Type": "text/csv" } });
const cancelled = await shop.DELETE("/index/jobs/{id}", { params: { path: { id: job } } });
assert.ok(cancelled.source.endsWith(".csv"));

const fetch = async () => new Response("<html>", { status: 502, statusText: "Bad Gateway" });
await assert.rejects(likebut({ baseUrl, fetch }).GET("/limits"), failure(502));
