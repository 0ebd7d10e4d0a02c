// Small helpers to build the page. Data only ever becomes text nodes and attributes, never markup.
export const $ = (id) => document.getElementById(id);

const SVG = "http://www.w3.org/2000/svg";

function build(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name === "onclick") node.addEventListener("click", value);
    else if (value !== undefined && value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
  return node;
}

export const el = (tag, attributes, ...children) => build(document.createElement(tag), attributes, children);
export const svg = (tag, attributes, ...children) => build(document.createElementNS(SVG, tag), attributes, children);

// Replaces the content of a section only when what it shows has changed, so that focus, selection and scrolling stay.
const shown = new Map();
export function show(id, what, make) {
  const key = JSON.stringify(what);
  if (shown.get(id) === key) return;
  shown.set(id, key);
  $(id).replaceChildren(...[make()].flat());
}
export function forgetShown() {
  shown.clear();
}
