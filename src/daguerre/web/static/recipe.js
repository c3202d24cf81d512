// What would be done, as a sentence, as a command to copy, and as a recipe to keep; and in which format it is saved.

import { announce, h, t } from "./core.js";
import { fieldsOf, select } from "./controls.js";
import { ask } from "./core.js";
import { choicesOf } from "./settings.js";

const FORMATS = ["", "jpeg", "png", "tiff", "webp", "avif"];

export async function recipePanel({ chosen, change, page }) {
  const order = h("ol", { class: "order" });
  const showOrder = () => order.replaceChildren(...["restore", "upscale", "stylize"].map((name) => {
    const input = h("input", { type: "checkbox", role: "switch", id: `on-${name}`, checked: chosen[name].on, onchange: () => {
      chosen[name].on = input.checked;
      change(false);
      page.showPanel();
    } });
    return h("li", { class: "toggle" }, h("label", { for: `on-${name}` }, t(`tab_${name}`)), input);
  }));
  showOrder();
  const command = h("code", { id: "command", tabindex: 0 });
  const copy = h("button", { type: "button", class: "small", onclick: async () => {
    await navigator.clipboard.writeText(command.textContent);
    copy.textContent = t("copied");
    announce(t("copied"));
  } }, t("copy"));
  const save = h("a", { class: "button small", download: "recipe.toml" }, t("recipe_save"));
  const read = h("input", { type: "file", class: "unseen", accept: ".toml", tabindex: -1, "aria-label": t("recipe_open") });
  command.tell = (said) => {
    command.textContent = said.command;
    URL.revokeObjectURL(save.href);
    save.href = URL.createObjectURL(new Blob([said.recipe], { type: "application/toml" }));
  };
  read.addEventListener("change", async () => {
    const text = await read.files[0].text();
    const request = await ask("/api/recipe", { method: "POST", body: text });
    page.choices.set(page.id, choicesOf(request));
    change(false);
    page.showPanel();
  });
  const schema = (page.schema ??= await ask("/api/options"));
  return [
    h("div", { class: "pick" }, h("h2", { class: "label" }, t("order")), order),
    h("div", { class: "pick" }, h("h2", { class: "label" }, t("command")), h("p", { class: "note" }, t("command_note")),
      h("pre", {}, command), h("div", { class: "row" }, copy, save,
        h("button", { type: "button", class: "small", onclick: () => read.click() }, t("recipe_open")), read)),
    select({ label: t("format"), value: chosen.format, options: FORMATS.map((name) => [name, name ? name.toUpperCase() : t("format_same")]), change: (format) => {
      chosen.format = format;
      change(false);
    } }),
    fieldsOf(schema.saving, [], chosen.saving, () => change(false)),
  ];
}
