/** A typed client of a Likebut service: openapi-fetch with the types of schema.ts, forms, keys and problem details. */

import createClient, { type HeadersOptions, type ParamsOption } from "openapi-fetch";
import type { HttpMethod, MediaType, PathsWithMethod, ResponseObjectMap, SuccessResponse } from "openapi-typescript-helpers";
import type { components, paths } from "./schema.js";

export type { paths };
export type Schemas = components["schemas"];

export interface Options {
  /** Address of the service, as http://127.0.0.1:8000 */
  baseUrl: string;
  /** Key of the service, if it has keys */
  key?: string;
  /** Used in place of the global fetch */
  fetch?: (request: Request) => Promise<Response>;
}

type Operation<P extends keyof paths, M extends HttpMethod> = paths[P] extends { [K in M]: infer O } ? O : never;
type Body<O> = O extends { requestBody: { content: infer C } } ? { body: C[keyof C] } : { body?: never };
type Init<O> = ParamsOption<O> & Body<O> & { headers?: HeadersOptions; signal?: AbortSignal };
type Answer<O> = O extends Record<string | number, unknown> ? SuccessResponse<ResponseObjectMap<O>, MediaType> : never;

/** Calls a path with its parameters and its body; throws ProblemError if the service answers with a failure. */
export type Call<M extends HttpMethod> = <P extends PathsWithMethod<paths, M>>(
  path: P,
  ...init: object extends Init<Operation<P, M>> ? [init?: Init<Operation<P, M>>] : [init: Init<Operation<P, M>>]
) => Promise<Answer<Operation<P, M>>>;

/** A function for each HTTP method, whose first argument is a path of the OpenAPI document. */
export interface Shop {
  GET: Call<"get">;
  POST: Call<"post">;
  PUT: Call<"put">;
  PATCH: Call<"patch">;
  DELETE: Call<"delete">;
}

/** A failure, with its problem details. */
export class ProblemError extends Error {
  constructor(readonly problem: Schemas["Problem"]) {
    super(problem.detail);
    this.name = "ProblemError";
  }
}

/** Returns a client of the service at an address. */
export function likebut({ baseUrl, key, fetch }: Options): Shop {
  const client = createClient<paths>({
    baseUrl,
    ...(key === undefined ? {} : { headers: { Authorization: `Bearer ${key}` } }),
    ...(fetch === undefined ? {} : { fetch }),
    bodySerializer: serialized,
  });
  const request = client.request as (method: HttpMethod, path: string, init: object) => Promise<{ error?: unknown; response: Response }>;
  const call = <M extends HttpMethod>(method: M) =>
    (async (path: string, init: object = {}) => {
      const { error, response } = await request(method, path, { ...init, parseAs: "stream" });
      if (!response.ok) throw new ProblemError(problem(error, response));
      return content(response);
    }) as Call<M>;
  return { GET: call("get"), POST: call("post"), PUT: call("put"), PATCH: call("patch"), DELETE: call("delete") };
}

/** Returns an object with files in it as a form, a file as it is, and all else as JSON. */
function serialized(body: unknown): BodyInit {
  if (body instanceof Blob) return body;
  if (typeof body !== "object" || body === null || !Object.values(body).some(isFiles)) return JSON.stringify(body);
  const form = new FormData();
  for (const [name, part] of Object.entries(body)) {
    if (part === undefined || part === null) continue;
    if (isFiles(part)) [part].flat().forEach((file) => form.append(name, file));
    else form.append(name, typeof part === "string" ? part : JSON.stringify(part));
  }
  return form;
}

function isFiles(part: unknown): part is Blob | Blob[] {
  return part instanceof Blob || (Array.isArray(part) && part[0] instanceof Blob);
}

/** Returns the content of an answer by its type. */
async function content(response: Response): Promise<unknown> {
  if (response.status === 204) return undefined;
  const type = response.headers.get("content-type") ?? "";
  return type.includes("json") ? response.json() : type.startsWith("text/") ? response.text() : response.blob();
}

/** Returns the problem details of a failure; a proxy in front of the service may have answered without any. */
function problem(error: unknown, { status, statusText }: Response): Schemas["Problem"] {
  if (typeof error === "object" && error !== null && "detail" in error) return error as Schemas["Problem"];
  return { type: "about:blank", title: statusText, status, detail: `the answer was ${status} ${statusText}`, instance: "" };
}
