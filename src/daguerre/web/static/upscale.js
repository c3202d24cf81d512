// The enlarging part of the panel: how large, in numbers or on paper; and the dial from faithful to vivid, with a part to see.

import { ask, h, later, number, t } from "./core.js";
import { choice, select, slider, toggle } from "./controls.js";

const FACTORS = [1.5, 2, 3, 4, 8];
const UNITS = { cm: 2.54, in: 1 };

export function upscalePanel({ photo, chosen, change, page }) {
  const mine = chosen.upscale;
  mine.unit ??= navigator.language === "en-US" ? "in" : "cm";
  mine.paper ??= mine.unit === "in" ? 10 : 25;
  mine.dpi ??= 300;
  const long = Math.max(photo.width, photo.height);
  const told = h("p", { class: "note", role: "status" });
  const set = (values) => {
    Object.assign(mine, values);
    if (mine.size === "paper") mine.long_side = Math.round((mine.paper / UNITS[mine.unit]) * mine.dpi);
    tell();
    part.draw();
    change(false);
  };
  const tell = () => {
    const factor = mine.size === "scale" ? mine.scale : mine.long_side / long;
    const [width, height] = [photo.width, photo.height].map((side) => Math.round(side * factor));
    const per = UNITS[mine.unit] / mine.dpi;
    told.textContent = factor < 1 ? t("upscale_small") : t("upscale_size", { width: number(width), height: number(height), a: number(width * per, 1), b: number(height * per, 1), unit: mine.unit, dpi: mine.dpi });
  };
  const field = (label, value, changed, more = {}) => {
    const id = `field-${label}`;
    return h("div", { class: "field" }, h("label", { for: id }, t(label)), h("input", { type: "number", id, value, min: 1, step: "any", onchange: (event) => Number(event.target.value) > 0 && changed(Number(event.target.value)), ...more }));
  };
  const fields = h("div", { class: "pair" });
  const showFields = () => fields.replaceChildren(...{
    scale: () => [choice({ label: t("factor"), hidden: true, value: String(mine.scale), options: FACTORS.map((factor) => [String(factor), `${number(factor, 1)} ×`]), change: (scale) => set({ scale: Number(scale) }) })],
    long_side: () => [field("long_side", mine.long_side ?? 2 * long, (long_side) => set({ long_side: Math.round(long_side) }), { min: long, step: 1 })],
    paper: () => [field("paper", mine.paper, (paper) => set({ paper })),
      select({ label: t("unit"), value: mine.unit, options: [["cm", t("unit_cm")], ["in", t("unit_in")]], change: (unit) => {
        set({ paper: Math.round((mine.paper / UNITS[mine.unit]) * UNITS[unit] * 100) / 100, unit });
        showFields();
      } }),
      select({ label: t("dpi"), value: String(mine.dpi), options: [["150", "150"], ["200", "200"], ["300", "300"], ["600", "600"]], change: (dpi) => set({ dpi: Number(dpi) }) })],
  }[mine.size]());
  const part = partToSee(photo, mine, page);
  const made = [
    h("div", { class: "pick" },
      choice({ label: t("how_large"), value: mine.size, options: [["scale", t("by_factor")], ["long_side", t("by_pixels")], ["paper", t("by_paper")]], change: (size) => {
        mine.long_side ??= 2 * long;
        set({ size });
        showFields();
      } }), fields, told),
    slider({ label: t("vivid"), value: mine.vivid, step: 0.1, ends: [t("vivid_less"), t("vivid_more")], change: (vivid) => set({ vivid }) }),
    toggle({ label: t("clean"), note: t("clean_note"), value: mine.clean, change: (clean) => set({ clean }) }),
    part.element,
  ];
  showFields();
  tell();
  part.draw();
  return made;
}

/** A part of the photograph, plain and enlarged; a square over the whole is dragged, or moved by arrow keys. */
function partToSee(photo, mine, page) {
  const side = 96;
  const at = (page.part ??= { photo: photo.id, x: 0.5, y: 0.4 });
  const plain = h("canvas", { width: 384, height: 384, "aria-hidden": "true" });
  const made = h("img", { alt: t("part_enlarged"), width: 384, height: 384 });
  const square = h("button", { type: "button", class: "square", "aria-label": t("part_move") });
  const whole = h("img", { src: `/api/photos/${photo.id}/thumb.jpg`, alt: "", draggable: "false" });
  const map = h("div", { class: "map" }, whole, square);
  const picture = new Image();
  picture.src = `/api/photos/${photo.id}/preview.jpg`;
  let asking = null;

  const place = () => {
    const w = Math.min(side / photo.width, 1), hgt = Math.min(side / photo.height, 1);
    at.x = Math.min(Math.max(at.x, w / 2), 1 - w / 2);
    at.y = Math.min(Math.max(at.y, hgt / 2), 1 - hgt / 2);
    Object.assign(square.style, { width: `${100 * w}%`, height: `${100 * hgt}%`, left: `${100 * (at.x - w / 2)}%`, top: `${100 * (at.y - hgt / 2)}%` });
    if (!picture.complete || !picture.naturalWidth) return;
    const pen = plain.getContext("2d");
    const [pw, ph] = photo.preview;
    pen.drawImage(picture, (at.x - w / 2) * pw, (at.y - hgt / 2) * ph, w * pw, hgt * ph, 0, 0, 384, 384);
  };
  const fetchPart = later(async () => {
    asking?.abort();
    asking = new AbortController();
    const factor = mine.size === "scale" ? mine.scale : mine.long_side / Math.max(photo.width, photo.height);
    const query = new URLSearchParams({ x: at.x.toFixed(4), y: at.y.toFixed(4), vivid: mine.vivid, clean: mine.clean ? 1 : 0, scale: Math.max(factor, 1).toFixed(2) });
    try {
      made.classList.add("stale");
      const blob = await ask(`/api/photos/${photo.id}/dial?${query}`, { as: "blob", signal: asking.signal });
      const address = URL.createObjectURL(blob);
      made.onload = () => URL.revokeObjectURL(address);
      made.src = address;
      made.classList.remove("stale");
    } catch (error) {
      if (error.name !== "AbortError") made.removeAttribute("src");
    }
  }, 160);
  const draw = () => {
    place();
    fetchPart();
  };
  picture.onload = draw;
  let drag = false;
  const follow = (event) => {
    const box = map.getBoundingClientRect();
    at.x = (event.clientX - box.left) / box.width;
    at.y = (event.clientY - box.top) / box.height;
    draw();
  };
  map.addEventListener("pointerdown", (event) => {
    drag = true;
    map.setPointerCapture(event.pointerId);
    follow(event);
  });
  map.addEventListener("pointermove", (event) => drag && follow(event));
  for (const kind of ["pointerup", "pointercancel"]) map.addEventListener(kind, () => (drag = false));
  square.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!move) return;
    event.preventDefault();
    at.x += (move[0] * side) / 4 / photo.width;
    at.y += (move[1] * side) / 4 / photo.height;
    draw();
  });
  const element = h("div", { class: "pick" }, h("p", { class: "label" }, t("part")), h("p", { class: "note" }, t("part_note")),
    h("div", { class: "part-see" }, map, h("figure", {}, plain, h("figcaption", {}, t("part_plain"))), h("figure", {}, made, h("figcaption", {}, t("part_enlarged")))));
  return { element, draw };
}
