// Switches, sliders, choices: labelled, and the same everywhere.

import { h, t } from "./core.js";

let serial = 0;
const unique = (name) => `${name}-${++serial}`;

/** A switch with a line of explanation, and perhaps something more below it. */
export function toggle({ label, note = "", value, change, extra = null }) {
  const id = unique("switch");
  const input = h("input", { type: "checkbox", role: "switch", id, checked: value, onchange: () => change(input.checked) });
  if (note) input.setAttribute("aria-describedby", `${id}-note`);
  return h("div", { class: "toggle" },
    h("div", { class: "toggle-text" }, h("label", { for: id }, label), note && h("p", { id: `${id}-note`, class: "note" }, note)),
    input, extra);
}

/** A slider whose ends have names. */
export function slider({ label, value, min = 0, max = 1, step = 0.05, ends = null, shown = (v) => `${Math.round(100 * v)} %`, change }) {
  const id = unique("slider");
  const told = h("output", { for: id }, shown(value));
  const input = h("input", { type: "range", id, min, max, step, value, oninput: () => {
    told.textContent = shown(Number(input.value));
    input.setAttribute("aria-valuetext", told.textContent);
    change(Number(input.value));
  } });
  input.value = value;
  return h("div", { class: "slide" },
    h("div", { class: "slide-head" }, h("label", { for: id }, label), told), input,
    ends && h("div", { class: "ends", "aria-hidden": "true" }, ...ends.map((end) => h("span", {}, end))));
}

/** One of several, as buttons in a row. `options` are [value, label]. */
export function choice({ label, options, value, change, hidden = false }) {
  const name = unique("choice");
  return h("fieldset", { class: "choice" }, h("legend", { class: hidden ? "unseen" : "" }, label),
    h("div", { class: "segments" }, options.map(([key, text]) => {
      const id = unique("option");
      return h("span", {},
        h("input", { type: "radio", class: "unseen", name, id, value: key, checked: key === value, onchange: () => change(key) }),
        h("label", { for: id }, text));
    })));
}

export function select({ label, options, value, change, unseen = false }) {
  const id = unique("select");
  const input = h("select", { id, onchange: () => change(input.value) },
    options.map(([key, text]) => h("option", { value: key, selected: key === value }, text)));
  return h("div", { class: "field" }, h("label", { for: id, class: unseen ? "unseen" : "" }, label), input);
}

/** A field of its own for every option that has none elsewhere, from the options' schema. */
export function fieldsOf(schema, without, values, change) {
  const shown = Object.entries(schema.properties).filter(([name]) => !without.includes(name));
  return h("details", { class: "more" }, h("summary", {}, t("all_options")),
    h("p", { class: "note" }, t("all_options_note")),
    h("div", { class: "fields", lang: "en" }, shown.map(([name, kind]) => fieldOf(name, kind, values[name], (value) => {
      if (value === undefined) delete values[name];
      else values[name] = value;
      change();
    }))));
}

function fieldOf(name, kind, value, change) {
  const id = unique("field");
  const given = value ?? kind.default;
  const describedby = `${id}-help`;
  let input;
  if (kind.enum) {
    input = h("select", { id, "aria-describedby": describedby, onchange: () => change(input.value === kind.default ? undefined : input.value) },
      kind.enum.map((key) => h("option", { selected: key === given }, key)));
  } else if (kind.type === "boolean") {
    input = h("input", { type: "checkbox", id, "aria-describedby": describedby, checked: given, onchange: () => change(input.checked === kind.default ? undefined : input.checked) });
  } else {
    const numeric = kind.type === "number" || kind.type === "integer";
    input = h("input", { type: numeric ? "number" : "text", step: kind.type === "number" ? "any" : null, id, "aria-describedby": describedby,
      value: given ?? "", onchange: () => change(read(kind, input.value)) });
  }
  return h("div", { class: "field" }, h("label", { for: id }, name.replaceAll("_", " ")), input,
    h("p", { class: "note", id: describedby }, kind.description));
}

function read(kind, text) {
  if (text === "" || text === String(kind.default)) return undefined;
  if (kind.type === "number" || kind.type === "integer") return Number(text);
  if (kind.type !== "array") return text;
  const words = text.split(/[\s,]+/).filter(Boolean);
  return kind.items.type === "number" ? words.map(Number) : words;
}
