// How is an element made? By name, with a fixed set of attributes, and children that are text.

const PLAIN = new Set(["class", "role", "id", "type", "title", "tabindex", "hidden", "viewBox", "preserveAspectRatio", "width", "height"]);

function make(tag, attributes, ...children) {
  const drawn = tag === "svg" || tag === "rect";
  const made = drawn ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value == null || value === false) continue;
    if (name === "onclick") made.addEventListener("click", value);
    else if (PLAIN.has(name) || name.startsWith("aria-") || name.startsWith("data-")) made.setAttribute(name, value);
    else throw new Error(`no attribute ${name} is made here`);
  }
  made.append(...children.flat().filter((child) => child != null && child !== ""));
  return made;
}

// Somebody else's words: whichever way they run, they stay in their place.
const theirs = (text) => make("bdi", null, text);

// The same with what stands between backticks set as code.
const worded = (text) => make("bdi", null, text.split(/`([^`]+)`/).map((part, i) => (i % 2 ? make("code", null, part) : part)));

const digits = (value, count = 4) => (value == null ? "–" : value.toFixed(count));
const counted = (count, what) => `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`;

function chip(text, tone) {
  return make("span", { class: `chip ${tone}` }, text);
}

function answer(row) {
  const { word, glyph, tone } = ANSWERS[row.a];
  return make("span", { class: `answer ${tone}`, title: word }, make("b", { "aria-hidden": "true" }, glyph), make("span", null, word));
}
