// The restoring part of the panel: what was done, each to be undone by a tap; faces; tones; scratches by hand.

import { h, number, t } from "./core.js";
import { slider, toggle } from "./controls.js";

const TONES = [["off", "tone_off"], ["auto", "tone_auto"], ["strong", "tone_strong"], ["sepia", "tone_sepia"]];

/** Everything about restoring. `change(now)` is called after a choice; `now` if it is to be done at once. */
export function restorePanel({ photo, job, chosen, change, paint, highlight }) {
  const mine = chosen.restore;
  const found = job?.steps?.find((step) => step.task === "restore")?.found ?? {};
  const faces = (job?.steps?.find((step) => step.task === "faces")?.found?.faces ?? found.faces ?? []);
  const set = (values, now = true) => {
    Object.assign(mine, values);
    change(now);
  };
  const own = mine.scratches !== "auto" && mine.scratches !== "off";
  return [
    toggle({
      label: t("scratches"),
      note: scratchesNote(found, mine, own),
      value: mine.scratches !== "off",
      change: (on) => set({ scratches: on ? "auto" : "off" }),
      extra: h("button", { type: "button", class: "small", onclick: paint }, own ? t("mask_again") : t("mask_edit")),
    }),
    toggle({ label: t("stains"), note: found.stained_percent > 0 ? t("stains_done", { n: number(found.stained_percent, 1) }) : job ? t("stains_none") : "", value: mine.stains === "auto", change: (on) => set({ stains: on ? "auto" : "off" }) }),
    toggle({ label: t("blur"), note: blurNote(found, job), value: mine.blur === "auto", change: (on) => set(on ? { blur: "auto", grain: "auto" } : { blur: "off" }) }),
    toggle({ label: t("grain"), note: mine.grain === "auto" ? t("grain_note") : t("scratches_off"), value: mine.grain === "auto", change: (on) => set(on ? { grain: "auto", blur: "auto" } : { grain: "keep", blur: "off" }) }),
    facesPart(faces, job, mine, set, highlight),
    tones(photo, mine, set),
    toggle({ label: t("writing"), note: t("writing_note"), value: mine.writing === "keep", change: (on) => set({ writing: on ? "keep" : "remove" }) }),
    slider({ label: t("strength"), value: mine.strength, ends: [t("strength_less"), t("strength_more")], change: (strength) => set({ strength }, false) }),
  ];
}

function scratchesNote(found, mine, own) {
  if (mine.scratches === "off") return t("scratches_off");
  if (own) return t("scratches_own");
  if (found.damaged_percent === undefined) return "";
  return found.damaged_percent > 0 ? t("scratches_done", { n: number(found.damaged_percent, 1) }) : t("scratches_none");
}

function blurNote(found, job) {
  if (!job || found.blur_pixels === undefined) return "";
  if (found.finest_pixels > 1) return t("blur_enlarged");
  return found.blur_pixels > 0.7 ? t("blur_done", { n: number(found.blur_pixels, 1) }) : t("blur_none");
}

function facesPart(faces, job, mine, set, highlight) {
  const refined = faces.filter((face) => face.fate === "refined").length;
  const note = !job ? "" : !faces.length ? (mine.faces === "auto" ? t("faces_none") : "") : t(refined === 1 ? "faces_one" : "faces_done", { n: refined });
  const list = faces.length > 0 && mine.faces === "auto" && h("ul", { class: "faces", "aria-label": t("faces") }, faces.map((face) => {
    const label = `${t("face", { n: face.number })}${face.fate === "kept" ? ` – ${t("face_kept")}` : ""}`;
    const on = !mine.skip.includes(face.number) && face.fate !== "kept";
    const item = h("li", {}, toggle({ label, value: on, change: (on) => {
      const skip = mine.skip.filter((other) => other !== face.number);
      set({ skip: on ? skip : [...skip, face.number].sort((a, b) => a - b) });
    } }), on && faces.length > 1 && slider({ label: t("face_each", { n: face.number }), value: mine.each[face.number] ?? 1,
      change: (strength) => set({ each: { ...mine.each, [face.number]: strength } }, false) }));
    for (const kind of ["pointerenter", "focusin"]) item.addEventListener(kind, () => highlight(face));
    for (const kind of ["pointerleave", "focusout"]) item.addEventListener(kind, () => highlight(null));
    return item;
  }));
  const strength = faces.length > 0 && mine.faces === "auto" &&
    slider({ label: t("face_strength"), value: mine.face_strength, change: (face_strength) => set({ face_strength }, false) });
  return h("div", { class: "part" },
    toggle({ label: t("faces"), note, value: mine.faces === "auto", change: (on) => set({ faces: on ? "auto" : "off", skip: [] }) }), list, strength);
}

/** Ways to correct tones, side by side, as small pictures to tap. */
function tones(photo, mine, set) {
  const now = mine.fix_fading === "strong" && mine.keep_colour ? "sepia" : mine.fix_fading;
  return h("fieldset", { class: "tones" }, h("legend", {}, t("tones")),
    h("div", { class: "tone-row" }, TONES.map(([name, text], index) => {
      const id = `tone-${name}`;
      const input = h("input", { type: "radio", class: "unseen", name: "tone", id, value: name, checked: name === now, onchange: () =>
        set({ fix_fading: name === "sepia" ? "strong" : name, keep_colour: name === "sepia" }) });
      const picture = h("img", { src: `/api/photos/${photo.id}/tone-${index}.jpg`, alt: "", loading: "lazy" });
      return h("span", {}, input, h("label", { for: id }, picture, h("span", {}, t(text))));
    })));
}
