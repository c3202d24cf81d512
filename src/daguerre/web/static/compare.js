// Before and after, one over the other, with a line between them that mouse, finger and arrow keys move.

import { h, icon, t } from "./core.js";
import { View } from "./view.js";

const NEAR = 28; // pixels around the line that take hold of it

const NEAR_SCALE = 1.4; // pixels of the screen for one of a small picture

/** Show another picture, once it has been loaded. */
function swap(image, address) {
  if (image.dataset.wanted === address) return;
  image.dataset.wanted = address;
  if (!image.getAttribute("src")) return void (image.src = address);
  const next = new Image();
  next.onload = () => image.dataset.wanted === address && (image.src = address);
  next.src = address;
}

export class Compare {
  constructor() {
    this.before = h("img", { class: "layer", alt: t("before_alt"), draggable: "false" });
    this.after = h("img", { class: "layer", alt: t("after_alt"), draggable: "false" });
    this.over = h("div", { class: "layer over" });
    this.sheet = h("div", { class: "sheet" }, this.before, this.after, this.over);
    this.range = h("input", { type: "range", class: "unseen", min: 0, max: 100, step: 1, value: 50, "aria-label": t("slider") });
    this.line = h("div", { class: "line" }, h("span", { class: "knob" }));
    this.tags = [h("span", { class: "tag is-before" }, t("before")), h("span", { class: "tag is-after" }, t("after"))];
    this.port = h("div", { class: "port" }, this.sheet, this.range, this.line, ...this.tags);
    this.view = new View(this.port, this.sheet, () => this.draw());
    this.hold = h("button", { type: "button", class: "hold" }, t("hold"));
    const small = (name, label, work) => h("button", { type: "button", class: "icon-only", "aria-label": label, title: label, onclick: work }, icon(name));
    this.zoom = h("div", { class: "group", role: "group", "aria-label": t("zoom") },
      small("minus", t("zoom_out"), () => this.view.zoomBy(1 / 1.5)),
      small("fit", t("zoom_fit"), () => this.view.fit()),
      small("plus", t("zoom_in"), () => this.view.zoomBy(1.5)));
    this.range.addEventListener("input", () => this.draw());
    this.range.addEventListener("keydown", (event) => this.view.key(event));
    this.listen();
  }

  /** Show two pictures; without `after`, one. `width` and `height` are those to measure by. */
  show({ before, after, width, height, labels, close = {} }) {
    this.view.size(width, height);
    this.close = close;
    if (this.near()) [before, after] = [close.before || before, after && (close.after || after)];
    swap(this.before, before);
    this.after.hidden = this.line.hidden = this.hold.hidden = !after;
    this.range.disabled = !after;
    for (const tag of this.tags) tag.hidden = !after;
    if (after) swap(this.after, after);
    if (labels) this.tags.forEach((tag, number) => (tag.textContent = labels[number]));
    this.draw();
  }

  /** Whether one looks so closely that the small pictures are too small. */
  near() {
    return this.view.scale * devicePixelRatio > NEAR_SCALE && this.view.zoom > 1.001;
  }

  draw() {
    if (this.close && this.near()) {
      if (this.close.before) swap(this.before, this.close.before);
      if (this.close.after && !this.after.hidden) swap(this.after, this.close.after);
    }
    const port = this.port.clientWidth, part = this.held ? 1 : this.range.value / 100;
    const { left, top, scale, width, height } = this.view;
    const from = Math.max(left, 0), to = Math.min(left + width * scale, port);
    const x = from + (to - from) * part;
    const cut = Math.min(Math.max((x - left) / scale, 0), width);
    this.after.style.clipPath = `inset(0 0 0 ${cut}px)`;
    const high = Math.max(top, 0), low = Math.min(top + height * scale, this.port.clientHeight);
    Object.assign(this.line.style, { transform: `translate(${x}px, ${high}px)`, height: `${low - high}px` });
    this.span = [from, to];
    this.line.classList.toggle("away", Boolean(this.held));
    this.range.setAttribute("aria-valuetext", t("slider_value", { n: Math.round(100 * (1 - part)) }));
    this.tags[0].classList.toggle("away", x - from < 90);
    this.tags[1].classList.toggle("away", to - x < 90);
    this.tags[0].style.transform = `translate(${from}px, ${high}px)`;
    this.tags[1].style.transform = `translate(${to - port}px, ${high}px)`;
  }

  slide(event) {
    const x = event.clientX - this.port.getBoundingClientRect().left;
    this.range.value = (100 * (x - this.span[0])) / (this.span[1] - this.span[0]);
    this.draw();
  }

  listen() {
    let drag = null;
    const port = this.port;
    port.addEventListener("pointerdown", (event) => {
      if (event.button > 1) return;
      if (this.view.touch(event)) return void (drag = null);
      port.setPointerCapture(event.pointerId);
      const knob = this.span[0] + (this.span[1] - this.span[0]) * this.range.value / 100;
      const near = Math.abs(event.clientX - port.getBoundingClientRect().left - knob) < NEAR;
      const zoomed = this.view.zoom > 1.001;
      drag = !this.line.hidden && event.button === 0 && (near || !zoomed) ? "slide" : "move";
      if (drag === "slide") {
        this.range.focus({ preventScroll: true, focusVisible: false });
        if (event.pointerType !== "touch" || near) this.slide(event);
      }
      if (event.pointerType !== "touch") event.preventDefault();
    });
    port.addEventListener("pointermove", (event) => {
      if (this.view.touch(event)) return void (drag = null);
      if (drag === "slide") this.slide(event);
      else if (drag === "move") this.view.move(event.movementX, event.movementY);
    });
    for (const kind of ["pointerup", "pointercancel"]) {
      port.addEventListener(kind, (event) => {
        this.view.touch(event);
        drag = null;
      });
    }
    port.addEventListener("dblclick", () => (this.view.zoom > 1.001 ? this.view.fit() : this.view.zoomBy(3)));
    const hold = (held) => () => {
      this.held = held;
      this.draw();
    };
    for (const kind of ["pointerdown"]) this.hold.addEventListener(kind, hold(true));
    for (const kind of ["pointerup", "pointerleave", "pointercancel", "blur", "keyup"]) this.hold.addEventListener(kind, hold(false));
    this.hold.addEventListener("keydown", (event) => [" ", "Enter"].includes(event.key) && hold(true)());
  }
}
