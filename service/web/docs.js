// Draws /openapi.json for people; every example is a curl line that runs as it stands.

import { kept, withKey } from "/web/key.js";
import { make } from "/web/view.js";

const document_ = await (await fetch("/openapi.json", { headers: withKey() })).json();
const schemas = document_.components.schemas;

const named = (schema) => schema.$ref?.split("/").pop();
const anchor = (name) => make("a", { href: `#${name}` }, make("code", {}, name));

/** A schema in a few words, with links to the bodies it names. */
function type(schema) {
  if (!schema) return [""];
  if (schema.$ref) return [anchor(named(schema))];
  if (schema.anyOf) return schema.anyOf.flatMap((each, at) => (at ? [" or ", ...type(each)] : type(each)));
  if (schema.type === "array") return ["list of ", ...type(schema.items)];
  if (schema.enum) return [schema.enum.map((value) => JSON.stringify(value)).join(", ")];
  if (schema.additionalProperties?.type) return [`names to ${schema.additionalProperties.type}s`];
  const limits = [["minimum", "≥"], ["maximum", "≤"], ["maxLength", "length ≤"], ["maxItems", "at most"]]
    .filter(([name]) => schema[name] !== undefined).map(([name, sign]) => `${sign} ${schema[name]}`);
  return [[schema.format === "binary" ? "file" : schema.type ?? "anything", ...limits].join(", ")];
}

function table(rows) {
  return make("div", { className: "scroll", tabIndex: 0, role: "group", ariaLabel: "Fields" }, make("table", {}, make("thead", {}, make("tr", {}, ...["name", "type", "meaning"].map((head) => make("th", { scope: "col" }, head)))),
    make("tbody", {}, ...rows.map(({ name, schema, required, description, in: place }) => make("tr", {},
      make("td", {}, make("code", {}, name), required ? " *" : ""),
      make("td", {}, ...type(schema)),
      make("td", { className: "soft" }, [place && place !== "query" ? `in the ${place}` : "", description ?? schema.description ?? "",
        schema.default !== undefined && schema.default !== null ? `default ${JSON.stringify(schema.default)}` : ""].filter(Boolean).join("; ")))))));
}

function fields(schema) {
  return table(Object.entries(schema.properties ?? {}).map(([name, each]) => ({ name, schema: each, required: schema.required?.includes(name) })));
}

const resolved = (schema) => (schema?.$ref ? schemas[named(schema)] : schema);

/** A word as a shell reads it whole. */
const quoted = (word) => (/^[\w:/.,=%@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
const idOf = (operation) => operation.parameters?.find(({ name }) => name === "id");
const at = (path, id) => quoted(`${location.origin}${path.replace("{id}", encodeURIComponent(id ?? ""))}`);

/** Lines that run as they stand; none where they would name what is not there yet, or take something away. */
function curl(path, method, operation) {
  if (method === "delete") return [];
  const id = idOf(operation);
  if (id && id.example === undefined) return [];
  const keyed = kept() ? `-H "Authorization: Bearer $KEY" ` : "";
  const target = `${keyed}${method === "put" ? "-X PUT " : ""}${at(path, id?.example)}`;
  const content = operation.requestBody?.content;
  if (!content) return [`curl ${target}`];
  const lines = (resolved(content["application/json"]?.schema)?.examples ?? []).map((example) =>
    `curl ${target} \\\n  -H 'Content-Type: application/json' \\\n  -d ${quoted(JSON.stringify(example))}`);
  const pictured = idOf(document_.paths["/images/{id}"].get)?.example;
  if (content["multipart/form-data"] && pictured !== undefined) {
    lines.push(`curl ${keyed}-o picture ${at("/images/{id}", pictured)}\ncurl ${target} -F image=@picture -F text='in red' -F k=10`);
  }
  return lines;
}

function article(path, method, operation) {
  const content = operation.requestBody?.content ?? {};
  const answers = Object.entries(operation.responses).filter(([status]) => status !== "default").flatMap(([status, { content: sent = {} }]) =>
    [make("p", {}, `Answers ${status} `, ...Object.entries(sent).slice(0, 1).flatMap(([kind, { schema }]) => (named(schema) ? [anchor(named(schema))] : [make("code", {}, kind)])), "; failures are ", anchor("Problem"), ".")]);
  const bodies = Object.entries(content).flatMap(([kind, { schema }]) => [
    make("p", {}, "Body, ", make("code", {}, kind), schema.$ref ? ": " : "", ...(schema.$ref ? [anchor(named(schema))] : [])), ...(schema.$ref ? [] : [fields(schema)])]);
  return make("article", { id: operation.operationId },
    make("h3", {}, make("span", { className: "method" }, method.toUpperCase()), make("code", {}, path), make("span", {}, operation.summary ?? "")),
    make("p", { className: "soft" }, operation.description ?? ""),
    ...(operation.security ?? []).map(({ key: [role] }) => make("p", { className: "soft" }, `Where the service has keys: with one of the role ${role}.`)),
    ...(operation.parameters?.length ? [table(operation.parameters)] : []), ...bodies, ...answers,
    ...curl(path, method, operation).map((line) => make("pre", { tabIndex: 0 }, line)));
}

const operations = Object.entries(document_.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation, group: operation.tags?.[0] ?? "other" })));
document.getElementById("about").textContent = document_.info.description;
document.getElementById("contents").append(...operations.map(({ path, method, operation }) =>
  make("a", { href: `#${operation.operationId}` }, `${method.toUpperCase()} ${path}`)));
document.getElementById("operations").replaceChildren(...[...new Set(operations.map(({ group }) => group))].flatMap((group) => [
  make("h2", {}, group), ...operations.filter((each) => each.group === group).map(({ path, method, operation }) => article(path, method, operation))]));
document.getElementById("schemas").append(...Object.entries(schemas).map(([name, schema]) => make("article", { id: name },
  make("h3", {}, make("code", {}, name)), make("p", { className: "soft" }, schema.description ?? ""), fields(schema),
  ...(schema.examples ?? []).map((example) => make("pre", { tabIndex: 0 }, JSON.stringify(example, null, 2))))));
if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
