// One photograph: the stage with before and after, its results, and the panel with all choices.

import { announce, ask, attempt, h, has, icon, later, number, remaining, t, undisturbed } from "./core.js";
import { Compare } from "./compare.js";
import { fieldsOf, select } from "./controls.js";
import { restorePanel } from "./restore.js";
import { choicesOf, DEFAULTS, fresh, requestOf, same } from "./settings.js";
import { act, doneOf, forget, isActive, jobs, jobsOf, latest, photos, startJob } from "./store.js";

const CURATED = {
  restore: [...Object.keys(DEFAULTS.restore), "prints"],
  upscale: ["scale", "width", "height", "long_side", "clean", "vivid"],
  stylize: [...Object.keys(DEFAULTS.stylize), "style", "share", "mask"],
};

export class PhotoPage {
  constructor(section) {
    this.section = section;
    this.compare = new Compare();
    this.choices = new Map();
    this.tab = "restore";
    this.against = 0;
    this.build();
  }

  build() {
    const { compare } = this;
    this.title = h("h1", { id: "photo-title" });
    this.facts = h("p", { class: "fine" });
    this.progress = h("div", { class: "working", hidden: true });
    this.failed = h("div", { class: "failed", hidden: true });
    this.versions = h("div", { class: "versions", role: "group", "aria-label": t("versions") });
    this.withOther = h("div", { class: "against" });
    this.download = h("a", { class: "button primary", download: "" }, icon("download"), h("span", {}, t("download")));
    this.invented = h("button", { type: "button", "aria-pressed": "false", hidden: true, onclick: () => this.toggleOver() }, t("invented"));
    this.remove = h("button", { type: "button", class: "quiet", onclick: () => this.forget() }, t("remove"));
    this.tools = h("div", { class: "tools" }, compare.zoom, compare.hold, this.invented, this.withOther, this.progress, h("span", { class: "space" }), this.download);
    this.stage = h("div", { class: "stage" }, compare.port);
    this.steps = h("div", { class: "steps", hidden: true });
    this.body = h("div", { class: "panel-body" });
    this.tabs = h("div", { class: "tabs", role: "tablist", "aria-label": t("what") });
    this.apply = h("button", { type: "button", class: "primary", onclick: () => this.start() }, t("apply"));
    this.bottom = h("div", { class: "panel-foot", hidden: true }, this.apply,
      h("button", { type: "button", class: "quiet", onclick: () => this.reset() }, t("reset")));
    this.left = h("div", { class: "left" },
      h("div", { class: "heading" }, h("div", {}, this.title, this.facts), this.remove), this.stage, this.failed, this.tools, h("div", { class: "below" }, this.versions, this.steps));
    this.panel = h("aside", { class: "panel", "aria-label": t("choices") }, this.tabs, this.body, this.bottom);
    this.section.append(this.left, this.panel);
    this.compare.port.addEventListener("keydown", (event) => this.compare.view.key(event));
    this.describe = later(() => this.tellCommand(), 300);
  }

  /** Show a photograph; `version` is the job whose result is shown, by default the newest. */
  open(id, version) {
    if (this.id !== id) {
      this.closeMask();
      this.against = 0;
      this.drawn = "";
    }
    this.id = id;
    this.version = version;
    this.update();
  }

  get photo() {
    return photos.get(this.id);
  }

  /** The job whose result is shown. */
  get job() {
    const done = doneOf(this.id);
    return done.find((job) => job.id === this.version) ?? done.at(-1);
  }

  get chosen() {
    if (!this.choices.has(this.id)) {
      const last = jobsOf(this.id).find((job) => job.id === this.version) ?? latest(this.id);
      this.choices.set(this.id, last ? choicesOf(last.asked) : fresh());
    }
    return this.choices.get(this.id);
  }

  update() {
    const photo = this.photo;
    if (!photo) return;
    const active = jobsOf(this.id).filter(isActive).at(-1);
    this.title.textContent = photo.name;
    this.facts.textContent = t("facts", { width: number(photo.width), height: number(photo.height), size: sizeOf(photo.bytes) });
    this.show(active);
    this.showProgress(active);
    this.showVersions();
    const key = JSON.stringify([this.id, this.tab, this.job?.id, active?.id, latest(this.id)?.id]);
    if (key !== this.drawn) {
      this.drawn = key;
      this.showPanel();
    }
    this.showSteps(active);
  }

  show(active) {
    const { photo, job } = this;
    const [width, height] = photo.preview;
    const other = doneOf(this.id).find((one) => one.id === this.against);
    const live = active?.files?.filter((file) => file.startsWith("step-")).sort(byStep).at(-1);
    const before = other ? `/api/jobs/${other.id}/preview.jpg` : `/api/photos/${photo.id}/preview.jpg`;
    let after = job ? `/api/jobs/${job.id}/preview.jpg?${job.seconds}` : null;
    if (live) after = `/api/jobs/${active.id}/${live}`;
    else if (this.stageShown) after = this.stageShown;
    const small = width * height * 1.1;
    const close = {
      before: !other && photo.width * photo.height > small && `/api/photos/${photo.id}/large.jpg`,
      after: job && !live && !this.stageShown && job.width * job.height > small && `/api/jobs/${job.id}/large.jpg`,
    };
    this.compare.show({ before, after, width, height, close, labels: [other ? this.nameOf(other) : t("before"), job && !live ? this.nameOf(job) : t("after")] });
    this.stage.classList.toggle("busy", Boolean(active) && !after);
    this.download.hidden = !job || Boolean(live);
    if (job) {
      this.download.href = `/api/jobs/${job.id}/result`;
      this.download.setAttribute("download", job.name);
    }
    this.invented.hidden = !job?.files.includes("invented.png");
    if (this.invented.hidden) this.setOver(null);
  }

  nameOf(job) {
    const names = job.tasks.filter((task) => task !== "faces" || job.tasks.length === 1).map((task) => t(`done_${task}`));
    return names.length ? [names[0], ...names.slice(1).map((name) => name.toLocaleLowerCase())].join(", ") : t("after");
  }

  showProgress(active) {
    const { progress, failed } = this;
    const last = latest(this.id);
    this.tools.querySelector(".space").hidden = Boolean(active);
    failed.hidden = active || last?.state !== "failed";
    if (!failed.hidden && failed.dataset.job !== String(last.id)) {
      failed.dataset.job = last.id;
      failed.replaceChildren(icon("warn"), h("p", {}, last.error), h("button", { type: "button", onclick: () => attempt(() => act(last, "again")) }, t("try_again")));
    }
    if (failed.hidden) failed.dataset.job = "";
    progress.hidden = !active;
    if (!active) return;
    if (progress.dataset.job !== String(active.id)) {
      progress.dataset.job = active.id;
      this.bar = h("progress", { max: 1, "aria-label": t("progress") });
      this.line = h("p", {});
      this.enough = h("button", { type: "button", hidden: true, onclick: () => attempt(() => act(active, "enough")) }, t("enough"));
      const cancel = h("button", { type: "button", onclick: () => attempt(() => act(active, "cancel")) }, t("cancel"));
      progress.replaceChildren(h("div", {}, this.line, this.bar), this.enough, cancel);
    }
    const before = [...jobs.values()].filter((job) => isActive(job) && job.place < active.place).length;
    const said = active.progress;
    if (said) this.bar.value = said.fraction;
    else this.bar.removeAttribute("value");
    const step = said && (has(`step_${said.step.replaceAll(" ", "_")}`) ? t(`step_${said.step.replaceAll(" ", "_")}`) : said.step);
    this.line.textContent = active.state === "waiting" && before ? t("waiting", { n: before })
      : said ? `${step}${said.left === null ? " …" : ` – ${remaining(said.left)}`}` : t("begins");
    this.enough.hidden = !(active.state === "running" && active.asked.steps?.some((step) => step.method === "optimize") && said?.step === "painting");
  }

  showVersions() {
    const done = doneOf(this.id);
    const key = JSON.stringify([this.id, this.job?.id, this.against, done.map((job) => job.id)]);
    if (this.versions.dataset.key === key) return;
    this.versions.dataset.key = key;
    this.versions.hidden = done.length < 2;
    undisturbed(this.versions, () => this.versions.replaceChildren(...done.map((job, index) => h("button", {
      type: "button", class: "version", "aria-pressed": String(job.id === this.job.id), onclick: () => {
        this.version = job.id;
        this.choices.set(this.id, choicesOf(job.asked));
        location.replace(`#${this.id}.${job.id}`);
        this.update();
      },
    }, h("img", { src: `/api/jobs/${job.id}/thumb.jpg`, alt: "" }), h("span", {}, `${index + 1}. ${this.nameOf(job)}`)))));
    const others = done.filter((job) => job.id !== this.job?.id);
    this.withOther.replaceChildren(...(others.length ? [select({
      label: t("compare_with"), value: String(this.against),
      options: [["0", t("original")], ...others.map((job) => [String(job.id), `${done.indexOf(job) + 1}. ${this.nameOf(job)}`])],
      change: (value) => {
        this.against = Number(value);
        this.update();
      },
    })] : []));
  }

  showTabs() {
    const names = ["restore", "upscale", "stylize", "more"];
    undisturbed(this.tabs, () => this.tabs.replaceChildren(...names.map((name) => h("button", {
      type: "button", role: "tab", id: `tab-${name}`, "aria-controls": "panel-body", "aria-selected": String(name === this.tab), tabindex: name === this.tab ? 0 : -1,
      onclick: () => this.choose(name),
      onkeydown: (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        this.choose(names[(names.indexOf(name) + step + names.length) % names.length]);
        document.getElementById(`tab-${this.tab}`).focus();
      },
    }, t(`tab_${name}`), name !== "more" && this.chosen[name].on && h("span", { class: "dot", "aria-label": t("is_on") })))));
  }

  showPanel() {
    this.showTabs();
    this.body.id = "panel-body";
    this.body.setAttribute("role", "tabpanel");
    this.body.setAttribute("aria-labelledby", `tab-${this.tab}`);
    attempt(() => this.fill());
    this.settle();
  }

  choose(tab) {
    this.tab = tab;
    this.body.scrollTop = 0;
    this.showPanel();
  }

  /** Fill the panel; the parts that are not for everybody are loaded when they are first wanted. */
  async fill() {
    const { tab, chosen, photo, job } = this;
    const change = (now = false) => this.changed(now);
    const shared = { photo, job, chosen, page: this, change: (now = false) => {
      if (tab !== "more" && !chosen[tab].on) this.switchOn(tab, true);
      change(now);
    } };
    if (tab === "more") {
      const recipe = await (await import("./recipe.js")).recipePanel(shared);
      if (tab !== this.tab) return;
      this.body.replaceChildren(...recipe);
      this.describe();
      return;
    }
    const parts = tab === "restore"
      ? restorePanel({ ...shared, paint: () => this.paint(), highlight: (face) => this.highlight(face) })
      : tab === "upscale" ? (await import("./upscale.js")).upscalePanel(shared) : await (await import("./stylize.js")).stylizePanel(shared);
    if (tab !== this.tab) return;
    const switched = h("input", { type: "checkbox", role: "switch", id: "task-on", checked: chosen[tab].on, onchange: () => {
      this.switchOn(tab, switched.checked);
      this.changed(false);
    } });
    const more = await this.allOptions(tab);
    if (tab !== this.tab) return;
    undisturbed(this.body, () => this.body.replaceChildren(
      h("div", { class: "toggle main" }, h("label", { for: "task-on" }, t(`use_${tab}`)), switched),
      h("div", { class: "parts" }, ...parts.filter(Boolean), more)));
  }

  /** A task is done, or not. */
  switchOn(tab, on) {
    this.chosen[tab].on = on;
    const switched = document.getElementById("task-on");
    if (switched) switched.checked = on;
    this.showTabs();
  }

  async allOptions(tab) {
    this.schema ??= await ask("/api/options");
    return fieldsOf(this.schema[tab], CURATED[tab], this.chosen[tab].more, () => this.changed(false));
  }

  /** A choice was made; `now` if it is to be done at once. */
  changed(now) {
    if (now && !this.pending) this.pendingNow = true;
    this.settle();
    if (now) this.startSoon();
  }

  startSoon = later(() => !this.bottom.hidden && this.start(), 500);

  /** Whether what is chosen differs from what was done last. */
  settle() {
    const request = requestOf(this.chosen);
    const last = jobsOf(this.id).filter(isActive).at(-1) ?? this.job;
    const differs = request !== null && !(last && same(request, last.asked));
    this.bottom.hidden = !differs;
    this.describe();
    return differs;
  }

  async start() {
    const request = requestOf(this.chosen);
    if (!request) return;
    this.bottom.hidden = true;
    for (const job of jobsOf(this.id).filter(isActive)) await attempt(() => act(job, "cancel"));
    const job = await attempt(() => startJob(this.id, request, { first: true }));
    if (!job) return void this.settle();
    this.version = undefined;
    this.stageShown = null;
    location.replace(`#${this.id}`);
    announce(t("begins"));
    this.update();
  }

  reset() {
    const last = this.job ?? latest(this.id);
    this.choices.set(this.id, last ? choicesOf(last.asked) : fresh());
    this.showPanel();
  }

  async tellCommand() {
    const box = document.getElementById("command");
    const request = requestOf(this.chosen);
    if (!box || !request) return;
    const said = await attempt(() => ask("/api/describe", { method: "POST", json: { photo: this.id, request } }));
    if (said) box.tell(said);
  }

  highlight(face) {
    const { over } = this.compare;
    over.querySelector(".face")?.remove();
    if (!face) return;
    const [width] = this.photo.preview;
    const share = width / (this.job?.width ?? this.photo.width);
    const box = h("span", { class: "face" }, h("span", {}, String(face.number)));
    for (const [name, value] of [["left", face.left], ["top", face.top], ["width", face.side], ["height", face.side]]) box.style[name] = `${value * share}px`;
    over.append(box);
  }

  toggleOver() {
    this.setOver(this.invented.getAttribute("aria-pressed") === "true" ? null : `/api/jobs/${this.job.id}/invented.png`);
  }

  setOver(address) {
    this.invented.setAttribute("aria-pressed", String(Boolean(address)));
    const { over } = this.compare;
    over.classList.toggle("inventing", Boolean(address));
    over.style.maskImage = address ? `url("${address}")` : "";
  }

  async paint() {
    const { MaskEditor } = await import("./mask.js");
    this.closeMask();
    this.mask = new MaskEditor({
      photo: this.photo,
      job: this.job,
      done: (mask) => {
        this.closeMask();
        if (!mask) return;
        this.chosen.restore.scratches = mask;
        this.start();
      },
    });
    this.left.classList.add("masking");
    this.stage.after(this.mask.element);
    this.mask.begin();
  }

  closeMask() {
    this.left.classList.remove("masking");
    this.mask?.end();
    this.mask = null;
  }

  /** Pictures on the way of an optimization, and its losses. */
  async showSteps(active) {
    const shown = active ?? this.job;
    const files = (shown?.files ?? []).filter((file) => file.startsWith("step-")).sort(byStep);
    this.steps.hidden = !files.length;
    if (!files.length) return;
    this.losses ??= new ((await import("./losses.js")).Losses)(this.steps, (address) => {
      this.stageShown = address;
      this.update();
    });
    this.losses.show(shown, files);
  }

  async forget() {
    if (!confirm(t("remove_sure"))) return;
    await attempt(() => forget(this.id));
    location.hash = "";
  }
}

const byStep = (a, b) => parseInt(a.slice(5), 10) - parseInt(b.slice(5), 10);

function sizeOf(bytes) {
  return bytes < 1e6 ? `${number(Math.max(bytes / 1e3, 1))} kB` : `${number(bytes / 1e6, 1)} MB`;
}
