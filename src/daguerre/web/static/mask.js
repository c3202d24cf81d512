// The mask of the damage, painted over the photograph: with a brush, a rubber, straight lines, and by keys alone.

import { ask, attempt, h, icon, t } from "./core.js";
import { choice, slider } from "./controls.js";
import { View } from "./view.js";

const COLOUR = "#ff3b30";
const MOST = 60; // strokes that can be undone
const LARGEST = 200; // pixels of the brush

export class MaskEditor {
  /** `done` gets the reference to the new mask, or nothing if it is to stay as it was. */
  constructor({ photo, job, done }) {
    Object.assign(this, { photo, job, done, erasing: false, size: Math.max(Math.round(photo.preview[0] / 60), 6), past: [], future: [], down: false });
    const [width, height] = photo.preview;
    this.canvas = h("canvas", { class: "layer mask", width, height });
    this.pen = this.canvas.getContext("2d", { willReadFrequently: true });
    this.ring = h("div", { class: "ring" });
    this.sheet = h("div", { class: "sheet" }, h("img", { class: "layer", src: `/api/photos/${photo.id}/preview.jpg`, alt: "" }), this.canvas, this.ring);
    this.port = h("div", { class: "port painting", tabindex: 0, role: "application", "aria-label": t("mask_area"), "aria-describedby": "mask-help" }, this.sheet);
    this.view = new View(this.port, this.sheet, () => this.showRing());
    this.at = [width / 2, height / 2];
    this.file = h("input", { type: "file", class: "unseen", accept: "image/*", tabindex: -1, "aria-label": t("mask_file"), onchange: () => this.fromFile() });
    const button = (name, label, work) => h("button", { type: "button", class: "icon-only", "aria-label": label, title: label, onclick: work }, icon(name));
    this.back = button("undo", t("undo"), () => this.undo());
    this.forth = button("redo", t("redo"), () => this.redo());
    this.kind = choice({ label: t("tool"), hidden: true, value: "brush", options: [["brush", t("brush")], ["erase", t("erase")]], change: (kind) => (this.erasing = kind === "erase") });
    this.width = slider({ label: t("brush_size"), value: this.size, min: 1, max: LARGEST, step: 1, shown: (size) => t("pixels", { n: size }), change: (size) => this.resize(size) });
    this.element = h("div", { class: "mask-editor" },
      h("div", { class: "stage" }, this.port),
      h("div", { class: "tools" }, this.kind, this.width,
        h("div", { class: "group" }, this.back, this.forth),
        h("button", { type: "button", onclick: () => this.all((data, i) => (data[i] = 255 - data[i])) }, t("invert")),
        h("button", { type: "button", onclick: () => this.all((data, i) => (data[i] = 0)) }, t("clear")),
        h("button", { type: "button", onclick: () => this.file.click() }, t("mask_file")), this.file,
        h("span", { class: "row ends-work" },
          h("button", { type: "button", onclick: () => this.done(null) }, t("cancel")),
          h("button", { type: "button", class: "primary", onclick: () => this.save() }, t("mask_use")))),
      h("p", { class: "fine", id: "mask-help" }, t("mask_help"), " ", h("span", { class: "keys" }, t("mask_keys"))));
    this.listen();
  }

  async begin() {
    const [width, height] = this.photo.preview;
    this.view.size(width, height);
    this.buttons();
    this.port.focus();
    this.element.classList.add("busy");
    const found = this.job?.files.includes("damage.png") ? `/api/jobs/${this.job.id}/damage.png` : `/api/photos/${this.photo.id}/damage.png`;
    const picture = await attempt(async () => createImageBitmap(await ask(found, { as: "blob" })));
    this.element.classList.remove("busy");
    if (picture) this.put(picture);
    this.element.dataset.ready = "";
  }

  end() {
    this.element.remove();
    document.removeEventListener("keydown", this.keys);
  }

  /** Make the mask of a picture: white is damaged. */
  put(picture) {
    const { width, height } = this.canvas;
    const scratch = new OffscreenCanvas(width, height).getContext("2d");
    scratch.drawImage(picture, 0, 0, width, height);
    const from = scratch.getImageData(0, 0, width, height).data;
    const made = this.pen.createImageData(width, height);
    for (let i = 0; i < from.length; i += 4) {
      [made.data[i], made.data[i + 1], made.data[i + 2]] = [255, 59, 48];
      made.data[i + 3] = Math.max(from[i], from[i + 1], from[i + 2]) >= 128 && from[i + 3] >= 128 ? 255 : 0;
    }
    this.pen.putImageData(made, 0, 0);
  }

  async fromFile() {
    const file = this.file.files[0];
    this.file.value = "";
    if (!file) return;
    const picture = await createImageBitmap(file).catch(() => null);
    if (!picture) return void attempt(() => Promise.reject(Object.assign(new Error(t("mask_no_picture")), { name: "Refused" })));
    this.remember(0, 0, this.canvas.width, this.canvas.height);
    this.put(picture);
  }

  // Strokes.

  /** Draw from one point to another; gives the part that was touched. */
  stroke([x0, y0], [x1, y1]) {
    const { pen } = this, radius = this.size / 2;
    pen.globalCompositeOperation = this.erasing !== Boolean(this.other) ? "destination-out" : "source-over";
    pen.strokeStyle = pen.fillStyle = COLOUR;
    pen.lineCap = "round";
    pen.lineWidth = this.size;
    pen.beginPath();
    if (x0 === x1 && y0 === y1) pen.arc(x0, y0, radius, 0, 7), pen.fill();
    else pen.moveTo(x0, y0), pen.lineTo(x1, y1), pen.stroke();
    pen.globalCompositeOperation = "source-over";
    const pad = radius + 2;
    this.grow(Math.min(x0, x1) - pad, Math.min(y0, y1) - pad, Math.max(x0, x1) + pad, Math.max(y0, y1) + pad);
  }

  grow(left, top, right, bottom) {
    const box = this.box;
    Object.assign(box, { left: Math.min(box.left, left), top: Math.min(box.top, top), right: Math.max(box.right, right), bottom: Math.max(box.bottom, bottom) });
  }

  start() {
    this.box = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
    this.copy ??= new OffscreenCanvas(this.canvas.width, this.canvas.height);
    const pen = this.copy.getContext("2d", { willReadFrequently: true });
    pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    pen.drawImage(this.canvas, 0, 0);
  }

  finish() {
    const x = Math.max(Math.floor(this.box.left), 0), y = Math.max(Math.floor(this.box.top), 0);
    const w = Math.min(Math.ceil(this.box.right), this.canvas.width) - x, hgt = Math.min(Math.ceil(this.box.bottom), this.canvas.height) - y;
    if (w > 0 && hgt > 0) this.note({ x, y, data: this.copy.getContext("2d").getImageData(x, y, w, hgt) });
  }

  remember(x, y, w, hgt) {
    this.note({ x, y, data: this.pen.getImageData(x, y, w, hgt) });
  }

  note(before) {
    this.past.push(before);
    if (this.past.length > MOST) this.past.shift();
    this.future = [];
    this.buttons();
  }

  swap(from, to) {
    const before = from.pop();
    if (!before) return;
    const { x, y, data } = before;
    to.push({ x, y, data: this.pen.getImageData(x, y, data.width, data.height) });
    this.pen.putImageData(data, x, y);
    this.buttons();
  }

  undo() {
    this.swap(this.past, this.future);
  }

  redo() {
    this.swap(this.future, this.past);
  }

  buttons() {
    this.back.disabled = !this.past.length;
    this.forth.disabled = !this.future.length;
  }

  /** Change the opacity of every pixel. */
  all(change) {
    const { width, height } = this.canvas;
    this.remember(0, 0, width, height);
    const whole = this.pen.getImageData(0, 0, width, height);
    for (let i = 0; i < whole.data.length; i += 4) {
      [whole.data[i], whole.data[i + 1], whole.data[i + 2]] = [255, 59, 48];
      change(whole.data, i + 3);
    }
    this.pen.putImageData(whole, 0, 0);
  }

  resize(size) {
    this.size = Math.min(Math.max(Math.round(size), 1), LARGEST);
    const input = this.width.querySelector("input");
    if (Number(input.value) !== this.size) {
      input.value = this.size;
      this.width.querySelector("output").textContent = t("pixels", { n: this.size });
    }
    this.showRing();
  }

  choose(erasing) {
    this.kind.querySelector(`input[value="${erasing ? "erase" : "brush"}"]`).checked = true;
    this.erasing = erasing;
  }

  showRing() {
    if (!this.ring || !this.at) return;
    Object.assign(this.ring.style, { width: `${this.size}px`, height: `${this.size}px`, transform: `translate(${this.at[0] - this.size / 2}px, ${this.at[1] - this.size / 2}px)`, borderWidth: `${1.5 / this.view.scale}px` });
  }

  listen() {
    const { port } = this;
    let moving = false;
    port.addEventListener("pointerdown", (event) => {
      if (this.view.touch(event)) {
        if (this.down) this.lift();
        return;
      }
      port.setPointerCapture(event.pointerId);
      port.focus({ preventScroll: true });
      moving = event.button === 1;
      if (event.button > 2 || moving) return;
      event.preventDefault();
      this.other = event.button === 2;
      const point = this.view.point(event);
      this.start();
      this.stroke(event.shiftKey && this.last ? this.last : point, point);
      this.down = true;
      this.at = this.last = point;
    });
    port.addEventListener("pointermove", (event) => {
      if (this.view.touch(event)) return;
      if (moving) return void this.view.move(event.movementX, event.movementY);
      const point = this.view.point(event);
      if (this.down) {
        this.stroke(this.last, point);
        this.last = point;
      }
      this.at = point;
      this.showRing();
    });
    for (const kind of ["pointerup", "pointercancel"]) {
      port.addEventListener(kind, (event) => {
        this.view.touch(event);
        moving = false;
        if (this.down) this.lift();
      });
    }
    port.addEventListener("contextmenu", (event) => event.preventDefault());
    port.addEventListener("keydown", (event) => this.steer(event));
    port.addEventListener("keyup", (event) => event.key === " " && this.down && this.lift());
    port.addEventListener("blur", () => this.down && this.lift());
    this.keys = (event) => this.shortcut(event);
    document.addEventListener("keydown", this.keys);
  }

  lift() {
    this.down = this.other = false;
    this.finish();
  }

  /** Arrow keys move the brush; it paints while the space bar is held, and Enter draws a line from the last place. */
  steer(event) {
    const far = event.shiftKey ? 40 : 6;
    const moves = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far] };
    if (moves[event.key]) {
      const [width, height] = [this.canvas.width, this.canvas.height];
      const before = this.at;
      this.at = [Math.min(Math.max(before[0] + moves[event.key][0], 0), width), Math.min(Math.max(before[1] + moves[event.key][1], 0), height)];
      if (this.down) {
        this.stroke(before, this.at);
        this.last = this.at;
      }
      this.showRing();
    } else if (event.key === " " && !event.repeat) {
      this.start();
      this.stroke(this.at, this.at);
      this.down = true;
      this.last = this.at;
    } else if (event.key === "Enter") {
      this.start();
      this.stroke(this.last ?? this.at, this.at);
      this.finish();
      this.last = this.at;
    } else if (event.key !== " ") return void this.view.key(event);
    event.preventDefault();
  }

  shortcut(event) {
    if (event.target.matches?.("input[type=text], input[type=number], select")) return;
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey) {
      if (key === "z") event.shiftKey ? this.redo() : this.undo();
      else if (key === "y") this.redo();
      else return;
    } else if (key === "[") this.resize(this.size - Math.max(1, Math.round(this.size / 8)));
    else if (key === "]") this.resize(this.size + Math.max(1, Math.round(this.size / 8)));
    else if (key === "b") this.choose(false);
    else if (key === "e") this.choose(true);
    else if (key === "escape") this.done(null);
    else return;
    event.preventDefault();
  }

  async save() {
    const { width, height } = this.canvas;
    const scratch = new OffscreenCanvas(width, height);
    const pen = scratch.getContext("2d");
    const from = this.pen.getImageData(0, 0, width, height);
    for (let i = 0; i < from.data.length; i += 4) {
      const value = from.data[i + 3] >= 128 ? 255 : 0;
      [from.data[i], from.data[i + 1], from.data[i + 2], from.data[i + 3]] = [value, value, value, 255];
    }
    pen.putImageData(from, 0, 0);
    const body = await scratch.convertToBlob({ type: "image/png" });
    const job = this.job?.files.includes("mask.png") ? `?job=${this.job.id}` : "";
    const said = await attempt(() => ask(`/api/photos/${this.photo.id}/mask${job}`, { method: "POST", body }));
    if (said) this.done(said.mask);
  }
}
