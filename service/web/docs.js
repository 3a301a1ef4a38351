// Shows openapi.json as a page; every example is a curl command that can be run as it is.

import { storedKey, withKey } from "./key.js";
import { make } from "./view.js";

const document_ = await (await fetch("openapi.json", { headers: withKey() })).json();
const schemas = document_.components.schemas;

const nameOf = (schema) => schema.$ref?.split("/").pop();
const anchor = (name) => make("a", { href: `#${name}` }, make("code", {}, name));

/** Returns a schema in a few words, with links to the bodies that it uses. */
function type(schema) {
  if (!schema) return [""];
  if (schema.$ref) return [anchor(nameOf(schema))];
  if (schema.anyOf) return schema.anyOf.flatMap((option, at) => (at ? [" or ", ...type(option)] : type(option)));
  if (schema.type === "array") return ["list of ", ...type(schema.items)];
  if (schema.enum) return [schema.enum.map((value) => JSON.stringify(value)).join(", ")];
  if (schema.additionalProperties?.type) return [`object of ${schema.additionalProperties.type}s`];
  const limits = [["minimum", "≥"], ["maximum", "≤"], ["maxLength", "length ≤"], ["maxItems", "at most"]]
    .filter(([name]) => schema[name] !== undefined).map(([name, sign]) => `${sign} ${schema[name]}`);
  return [[schema.format === "binary" ? "file" : schema.type ?? "anything", ...limits].join(", ")];
}

function table(rows) {
  return make("div", { className: "scroll", tabIndex: 0, role: "group", ariaLabel: "Fields" }, make("table", {}, make("thead", {}, make("tr", {}, ...["name", "type", "meaning"].map((head) => make("th", { scope: "col" }, head)))),
    make("tbody", {}, ...rows.map(({ name, schema, required, description, in: location }) => make("tr", {},
      make("td", {}, make("code", {}, name), required ? " *" : ""),
      make("td", {}, ...type(schema)),
      make("td", { className: "soft" }, [location && location !== "query" ? `in the ${location}` : "", description ?? schema.description ?? ""].filter(Boolean).join("; ")))))));
}

function fields(schema) {
  return table(Object.entries(schema.properties ?? {}).map(([name, property]) => ({ name, schema: property, required: schema.required?.includes(name) })));
}

const resolved = (schema) => (schema?.$ref ? schemas[nameOf(schema)] : schema);

/** Returns a word quoted for a shell, if needed. */
const quoted = (word) => (/^[\w:/.,=%@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
const idOf = (operation) => operation.parameters?.find(({ name }) => name === "id");
const base = new URL(".", location.href).href.slice(0, -1); // a proxy may serve the service below a path
const at = (path, id) => quoted(`${base}${path.replace("{id}", encodeURIComponent(id ?? ""))}`);

/** Returns curl commands that can be run as they are; none for DELETE, or if an example is missing. */
function curl(path, method, operation) {
  if (method === "delete") return [];
  const id = idOf(operation);
  if (id && id.example === undefined) return [];
  const keyed = storedKey() ? `-H "Authorization: Bearer $KEY" ` : "";
  const target = `${keyed}${["put", "patch"].includes(method) ? `-X ${method.toUpperCase()} ` : ""}${at(path, id?.example)}`;
  const content = operation.requestBody?.content;
  if (!content) return [`curl ${target}`];
  const examples = resolved(content["application/json"]?.schema)?.examples ?? [];
  const lines = examples.map((example) =>
    `curl ${target} \\\n  -H 'Content-Type: application/json' \\\n  -d ${quoted(JSON.stringify(example))}`);
  const imageId = idOf(document_.paths["/images/{id}"].get)?.example;
  const parts = resolved(content["multipart/form-data"]?.schema)?.properties;
  if (parts?.image && imageId !== undefined) {
    const others = parts.text ? " -F text='in red' -F k=10" : "";
    lines.push(`curl ${keyed}-o image ${at("/images/{id}", imageId)}\ncurl ${target} -F image=@image${others}`);
  } else if (parts?.items && examples.length) {
    lines.push(`curl ${target} \\\n  -F ${quoted(`items=${JSON.stringify(examples[0].items)}`)}`);
  }
  return lines;
}

function article(path, method, operation) {
  const content = operation.requestBody?.content ?? {};
  const responses = Object.entries(operation.responses).filter(([status]) => status !== "default").flatMap(([status, { content: body = {} }]) =>
    [make("p", {}, `Returns ${status} `, ...Object.entries(body).slice(0, 1).flatMap(([kind, { schema }]) => (nameOf(schema) ? [anchor(nameOf(schema))] : [make("code", {}, kind)])), "; failures are ", anchor("Problem"), ".")]);
  const bodies = Object.entries(content).flatMap(([kind, { schema }]) => [
    make("p", {}, "Body, ", make("code", {}, kind), schema.$ref ? ": " : "", ...(schema.$ref ? [anchor(nameOf(schema))] : [])), ...(schema.$ref ? [] : [fields(schema)])]);
  return make("article", { id: operation.operationId },
    make("h3", {}, make("span", { className: "method" }, method.toUpperCase()), make("code", {}, path), make("span", {}, operation.summary ?? "")),
    make("p", { className: "soft" }, operation.description ?? ""),
    ...(operation.security ?? []).map(({ key: [role] }) => make("p", { className: "soft" }, `If the service has keys: needs a key with the role ${role}.`)),
    ...(operation.parameters?.length ? [table(operation.parameters)] : []), ...bodies, ...responses,
    ...curl(path, method, operation).map((line) => make("pre", { tabIndex: 0 }, line)));
}

const operations = Object.entries(document_.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation, group: operation.tags?.[0] ?? "other" })));
document.getElementById("about").textContent = document_.info.description;
document.getElementById("contents").append(...operations.map(({ path, method, operation }) =>
  make("a", { href: `#${operation.operationId}` }, `${method.toUpperCase()} ${path}`)));
document.getElementById("operations").replaceChildren(...[...new Set(operations.map(({ group }) => group))].flatMap((group) => [
  make("h2", {}, group), ...operations.filter((operation) => operation.group === group).map(({ path, method, operation }) => article(path, method, operation))]));
document.getElementById("schemas").append(...Object.entries(schemas).map(([name, schema]) => make("article", { id: name },
  make("h3", {}, make("code", {}, name)), make("p", { className: "soft" }, schema.description ?? ""), fields(schema),
  ...(schema.examples ?? []).map((example) => make("pre", { tabIndex: 0 }, JSON.stringify(example, null, 2))))));
if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
