// Elements from plain values. Text is only ever set as text, so nothing that the service or a
// detector says can become markup.

const $id = (id) => document.getElementById(id);

/** Children that a caller left out are none; the DOM itself would write "null". */
const present = (children) => children.filter((child) => child !== null && child !== undefined && child !== "");

function build(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...present(children));
  return node;
}

const el = (name, attributes = {}, ...children) => build(document.createElement(name), attributes, children);
const svg = (name, attributes = {}, ...children) =>
  build(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);

/** Sets a text only where it differs: a live region speaks when it is touched. */
function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function mark(node, tone, ...children) {
  node.className = tone ? `is-${tone}` : "";
  node.replaceChildren(...present(children));
}

const number = (value, digits = 0) =>
  value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const percent = (share) => `${number(100 * share, share > 0 && share < 1 ? 1 : 0)} %`;
const measure = (value, unit) =>
  unit === "ms" ? `${number(value, value < 10 ? 1 : 0)} ms` : `${Number(value.toFixed(2))} %`;
const words = (name) => name.replaceAll("_", " ");

function span(seconds) {
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60]]) {
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
  }
  return `${Math.floor(seconds)} s`;
}
