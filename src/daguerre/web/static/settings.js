// What is chosen for a photograph, and the steps that it stands for.

const RESTORE = { scratches: "auto", stains: "auto", blur: "auto", grain: "auto", writing: "keep", fix_fading: "auto", keep_colour: false, strength: 1, faces: "auto", face_strength: 1 };
const UPSCALE = { scale: 2, clean: false, vivid: 0 };
const STYLIZE = { method: "fast", strength: 1, colours: "style", protect_faces: 0, style_scale: 1, steps: 300 };

export const DEFAULTS = { restore: RESTORE, upscale: UPSCALE, stylize: STYLIZE };

/** Choices as they are for a new photograph. */
export function fresh() {
  return {
    restore: { on: true, ...RESTORE, skip: [], each: {}, more: {} },
    upscale: { on: false, ...UPSCALE, scale: 2, size: "scale", more: {} },
    stylize: { on: false, ...STYLIZE, style: [], share: {}, more: {} },
    saving: {},
    format: "",
  };
}

/** The request that choices stand for; null if nothing is chosen. */
export function requestOf(chosen) {
  const steps = [];
  const { restore, upscale, stylize } = chosen;
  if (restore.on) {
    const each = Object.entries(restore.each).filter(([, strength]) => strength < 1);
    const apart = (restore.skip.length > 0 || each.length > 0) && restore.faces === "auto";
    const step = { task: "restore", ...differing(restore, RESTORE), ...restore.more };
    if (apart) {
      step.faces = "off";
      delete step.face_strength;
    }
    steps.push(step);
    if (apart) {
      const strength = restore.face_strength * restore.strength;
      const step = { task: "faces" };
      if (restore.skip.length) step.skip = restore.skip.join(",");
      if (each.length) step.each = each.map(([number, strength]) => `${number}:${strength}`).join(",");
      if (strength < 1) step.strength = strength;
      steps.push(step);
    }
  }
  if (upscale.on) {
    const step = { task: "upscale", ...upscale.more };
    if (upscale.size === "scale") step.scale = upscale.scale;
    else step.long_side = Math.round(upscale.long_side);
    if (upscale.clean) step.clean = true;
    if (upscale.vivid) step.vivid = upscale.vivid;
    steps.push(step);
  }
  if (stylize.on && stylize.style.length) {
    const step = { task: "stylize", style: [...stylize.style], ...differing(stylize, STYLIZE), ...stylize.more };
    const shares = stylize.style.map((name) => stylize.share[name] ?? 1);
    if (new Set(shares).size > 1) step.share = shares;
    if (stylize.method === "fast") delete step.steps;
    else if (stylize.steps !== 300) step.steps = stylize.steps;
    steps.push(step);
  }
  if (!steps.length) return null;
  const request = { steps };
  if (Object.keys(chosen.saving).length) request.saving = chosen.saving;
  if (chosen.format) request.format = chosen.format;
  return request;
}

function differing(chosen, defaults) {
  return Object.fromEntries(Object.keys(defaults).filter((name) => chosen[name] !== defaults[name]).map((name) => [name, chosen[name]]));
}

/** The choices that a request stands for, to go on from. */
export function choicesOf(request) {
  const chosen = fresh();
  chosen.restore.on = false;
  for (const { task, ...step } of request?.steps ?? []) {
    if (task === "faces") {
      chosen.restore.faces = "auto";
      chosen.restore.skip = (step.skip ?? "").split(",").filter(Boolean).map(Number);
      chosen.restore.each = Object.fromEntries((step.each ?? "").split(",").filter(Boolean).map((pair) => pair.split(":")).map(([number, strength]) => [number, Number(strength)]));
      chosen.restore.face_strength = step.strength ?? 1;
      continue;
    }
    const mine = chosen[task];
    if (!mine) continue;
    mine.on = true;
    for (const [name, value] of Object.entries(step)) {
      if (task === "stylize" && name === "share") step.style.forEach((style, number) => (mine.share[style] = value[number]));
      else if (name in mine || name === "long_side") mine[name] = value;
      else mine.more[name] = value;
    }
    if (task === "upscale") mine.size = step.long_side ? "long_side" : "scale";
  }
  chosen.saving = request?.saving ?? {};
  chosen.format = request?.format ?? "";
  return chosen;
}

export const same = (one, two) => JSON.stringify(sorted(one)) === JSON.stringify(sorted(two));

function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
}
