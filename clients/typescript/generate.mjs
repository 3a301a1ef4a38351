// Writes schema.ts, the types of the OpenAPI document: node generate.mjs [FILE [DOCUMENT]]

import { readFileSync, writeFileSync } from "node:fs";
import openapiTS, { astToString, COMMENT_HEADER, stringToAST } from "openapi-typescript";

const typed = (text) => stringToAST(`type T = ${text}`)[0].type;

// TypeScript has no type for "every other key": a filter has either attributes or the keys that combine filters, and a
// form has only files, or the changes, under any key.
const TYPES = {
  "#/components/schemas/Filter": `
    | {
        [attribute: string]: components["schemas"]["Condition"]["not"];
        and?: never;
        or?: never;
        not?: never;
        attribute?: never;
      }
    | {
        and?: components["schemas"]["Filter"][];
        or?: components["schemas"]["Filter"][];
        not?: components["schemas"]["Filter"];
        attribute?: components["schemas"]["NamedAttribute"];
      }`,
  "#/components/schemas/ItemsForm": `{
    items: components["schemas"]["ItemsBody"];
    [id: string]: components["schemas"]["ItemsBody"] | Blob[];
  }`,
};

const [out = new URL("schema.ts", import.meta.url), document = new URL("../../service/openapi.json", import.meta.url)] =
  process.argv.slice(2);
const nodes = await openapiTS(readFileSync(document, "utf8"), {
  transform(schema, { path }) {
    if (path in TYPES) return typed(TYPES[path]);
    if (schema.format === "binary") return typed("Blob"); // of forms and of images
  },
});
writeFileSync(out, COMMENT_HEADER + astToString(nodes));
