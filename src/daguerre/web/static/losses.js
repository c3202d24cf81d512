// How an optimization goes: its losses, and the pictures on the way, to go back to.

import { ask, h, t } from "./core.js";

const LINES = [["content", 3], ["style", 4], ["variation", 5]];
const WIDE = 600, HIGH = 120;

export class Losses {
  /** `look` is called with the address of a picture on the way, or null for the newest. */
  constructor(box, look) {
    this.look = look;
    this.plot = h("div", { class: "plot" });
    this.legend = h("ul", { class: "legend" }, LINES.map(([name]) => h("li", { class: `loss-${name}` }, t(`loss_${name}`))));
    this.range = h("input", { type: "range", min: 0, step: 1, "aria-label": t("stages") });
    this.told = h("output", {});
    this.range.addEventListener("input", () => this.choose());
    box.append(h("div", { class: "slide" }, h("div", { class: "slide-head" }, h("span", { class: "label" }, t("stages")), this.told), this.range),
      h("figure", {}, h("figcaption", { class: "label" }, t("losses")), this.plot, this.legend));
  }

  async show(job, files) {
    const key = `${job.id} ${files.length} ${job.state}`;
    if (this.key === key) return;
    const newest = this.job !== job.id || Number(this.range.value) === Number(this.range.max);
    Object.assign(this, { key, job: job.id, files });
    this.range.max = files.length;
    if (newest) {
      this.range.value = files.length;
      this.tell();
    }
    const rows = await ask(`/api/jobs/${job.id}/losses.json`).catch(() => []);
    if (rows.length > 1) this.draw(rows);
  }

  tell() {
    const file = this.files[this.range.value];
    this.told.textContent = file ? t("step", { n: parseInt(file.slice(5), 10) }) : t("newest");
    this.range.setAttribute("aria-valuetext", this.told.textContent);
  }

  choose() {
    this.tell();
    const file = this.files[this.range.value];
    this.look(file ? `/api/jobs/${this.job}/${file}` : null);
  }

  /** One curve a loss, each on its own logarithmic scale; lines where the picture grew. */
  draw(rows) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const last = rows.at(-1);
    svg.setAttribute("viewBox", `0 0 ${WIDE} ${HIGH}`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", t("losses_alt", { n: last[0], content: last[3].toFixed(2), style: last[4].toFixed(2) }));
    const add = (kind, shape, name) => {
      const element = document.createElementNS("http://www.w3.org/2000/svg", kind);
      for (const [key, value] of Object.entries(shape)) element.setAttribute(key, value);
      element.setAttribute("class", name);
      svg.append(element);
    };
    const x = (index) => (WIDE * index) / Math.max(rows.length - 1, 1);
    rows.forEach((row, index) => index && row[1] !== rows[index - 1][1] && add("path", { d: `M${x(index)} 0V${HIGH}` }, "grown"));
    for (const [name, column] of LINES) {
      const values = rows.map((row) => Math.log(Math.max(row[column], 1e-6)));
      const low = Math.min(...values), span = Math.max(...values) - low || 1;
      add("path", { d: values.map((value, index) => `${index ? "L" : "M"}${x(index).toFixed(1)} ${(HIGH - 6 - ((value - low) / span) * (HIGH - 12)).toFixed(1)}`).join("") }, `loss-${name}`);
    }
    this.plot.replaceChildren(svg);
  }
}
