// The page around the widget: its key, language and theme, and what it hears.

import { storedKey } from "../key.js";

const SHOWN = 8;
const widget = document.querySelector("likebut-search");
const heard = document.getElementById("heard");
const manner = document.getElementById("manner");
const language = new URLSearchParams(location.search).get("lang");

if (storedKey()) widget.setAttribute("key", storedKey()); // as entered on the search page
if (language) manner.elements.lang.value = language;
if (language && manner.elements.lang.value) widget.lang = language;
manner.elements.lang.addEventListener("change", ({ target }) => { widget.lang = target.value; });
manner.elements.theme.addEventListener("change", ({ target }) => { widget.className = target.value; });

const script = new URL("web/widget.js", document.baseURI).href;
document.getElementById("tag").textContent = `<div id="search"></div>\n<script type="module" src="${script}" data-target="#search" data-lang="en"></script>`;

for (const name of ["likebut-open", "likebut-add"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    const line = document.createElement("li");
    line.textContent = `${name}: ${event.detail.id}, ${event.detail.attributes.title ?? ""}`;
    heard.prepend(line);
    while (heard.children.length > SHOWN) heard.lastChild.remove();
  });
}
