// The painting part of the panel: styles to tap, one's own, several with weights; quickly, or step by step.

import { ask, attempt, h, has, send, t } from "./core.js";
import { choice, select, slider, toggle } from "./controls.js";

export async function stylizePanel({ chosen, change, page }) {
  const mine = chosen.stylize;
  const known = await ask("/api/styles");
  const names = [...known.gallery.map((name) => `styles/${name}.png`), ...known.own.map((name) => `styles/${name}`)];
  const shares = h("div", {});
  const own = h("input", { type: "file", class: "unseen", accept: "image/*,.tif,.tiff", multiple: true, tabindex: -1, "aria-label": t("style_own"), onchange: () => bring() });
  const label = (reference) => {
    const name = reference.slice(7).split(".")[0];
    return has(`style_${name}`) ? t(`style_${name}`) : t("style_yours");
  };
  const tile = (reference) => {
    const button = h("button", { type: "button", class: "style", "aria-pressed": String(mine.style.includes(reference)), onclick: () => {
      mine.style = mine.style.includes(reference) ? mine.style.filter((other) => other !== reference) : [...mine.style, reference];
      button.setAttribute("aria-pressed", String(mine.style.includes(reference)));
      showShares();
      change(false);
    } }, h("img", { src: `/api/${reference}`, alt: "", loading: "lazy" }), h("span", {}, label(reference)));
    return button;
  };
  const add = h("button", { type: "button", class: "style own", onclick: () => own.click() }, h("span", { class: "plus", "aria-hidden": "true" }, "+"), h("span", {}, t("style_own")));
  const gallery = h("div", { class: "gallery", role: "group", "aria-label": t("styles") }, names.map(tile), add, own);
  const bring = async () => {
    for (const file of [...own.files]) {
      const said = await attempt(() => send(`/api/styles?name=${encodeURIComponent(file.name)}`, file, () => {}));
      if (!said) continue;
      mine.style = [...mine.style, said.style];
      add.before(tile(said.style));
    }
    own.value = "";
    showShares();
    change(false);
  };
  const showShares = () => shares.replaceChildren(...(mine.style.length < 2 ? [] : mine.style.map((reference) => slider({
    label: t("share", { name: label(reference) }), value: mine.share[reference] ?? 1, min: 0.1, max: 3, step: 0.1, shown: (value) => `${value} ×`, change: (share) => {
      mine.share[reference] = share;
      change(false);
    },
  }))));
  const set = (values) => {
    Object.assign(mine, values);
    change(false);
  };
  const steps = () => mine.method === "optimize" && slider({ label: t("steps"), value: mine.steps, min: 20, max: 600, step: 20, shown: String, change: (count) => set({ steps: count }) });
  const stepsBox = h("div", {}, steps() || []);
  showShares();
  return [
    h("div", { class: "pick" }, h("p", { class: "note" }, t("styles_note")), gallery, shares),
    slider({ label: t("style_strength"), value: mine.strength, min: 0.05, change: (strength) => set({ strength }) }),
    h("div", { class: "part" }, choice({ label: t("method"), value: mine.method, options: [["fast", t("method_fast")], ["optimize", t("method_optimize")]], change: (method) => {
      set({ method });
      stepsBox.replaceChildren(...[steps()].filter(Boolean));
    } }), h("p", { class: "note" }, t("method_note")), stepsBox),
    select({ label: t("colors"), value: mine.colours, options: ["style", "luminance", "match"].map((name) => [name, t(`color_${name}`)]), change: (colours) => set({ colours }) }),
    slider({ label: t("protect_faces"), value: mine.protect_faces, change: (protect_faces) => set({ protect_faces }) }),
    slider({ label: t("stroke"), value: mine.style_scale, min: 0.5, max: 2, step: 0.1, shown: (value) => `${value} ×`, change: (style_scale) => set({ style_scale }) }),
  ];
}
