// All photographs: small pictures, how far each is, and those to look at first.

import { attempt, h, icon, number, t } from "./core.js";
import { act, doneOf, doubts, isActive, jobs, latest, photos, uploads } from "./store.js";

const FILTERS = ["everything", "look", "working", "failed", "done"];
const PAGE = 120;

export class AllPage {
  constructor(section) {
    this.filter = "everything";
    this.shown = PAGE;
    this.cards = new Map();
    this.summary = h("p", { class: "fine", role: "status" });
    this.bar = h("progress", { max: 1, hidden: true, "aria-label": t("progress") });
    this.chips = h("div", { class: "chips", role: "group", "aria-label": t("filter") });
    this.zip = h("a", { class: "button primary", href: "/api/results.zip", download: "daguerre.zip", hidden: true }, icon("download"), h("span", {}, t("download_all")));
    this.stop = h("button", { type: "button", hidden: true, onclick: () => this.cancelAll() }, t("cancel_all"));
    this.grid = h("ul", { class: "grid" });
    this.more = h("button", { type: "button", hidden: true, onclick: () => {
      this.shown += PAGE;
      this.update();
    } }, t("show_more"));
    section.append(
      h("div", { class: "heading" }, h("div", {}, h("h1", { id: "all-title" }, t("all_photos")), this.summary), h("div", { class: "row" }, this.stop, this.zip)),
      this.bar, this.chips, this.grid, h("div", { class: "row centre" }, this.more));
  }

  update() {
    const rows = [...photos.values()].map((photo) => ({ photo, job: latest(photo.id) }));
    const kinds = rows.map(({ job }) => kindsOf(job));
    const count = (kind) => kinds.filter((kind_) => kind_.includes(kind)).length;
    const done = count("done"), working = count("working") + uploads.size;
    this.summary.textContent = working ? t("summary_working", { done: number(done), all: number(rows.length + uploads.size) }) : t("summary", { n: number(rows.length) });
    this.bar.hidden = !working;
    this.bar.value = rows.length ? done / (rows.length + uploads.size) : 0;
    this.zip.hidden = !done;
    this.stop.hidden = !count("working");
    this.drawChips(count, rows.length);
    const wanted = rows.filter((_, index) => this.filter === "everything" || kinds[index].includes(this.filter));
    if (this.filter === "look") wanted.sort((a, b) => doubts(b.job).length - doubts(a.job).length);
    this.more.hidden = wanted.length <= this.shown;
    const items = wanted.slice(0, this.shown).map((row) => this.card(row));
    const sending = this.filter === "everything" || this.filter === "working" ? [...uploads.values()].slice(0, 12).map(sendingCard) : [];
    if (items.length !== this.grid.children.length || sending.length || items.some((item, index) => this.grid.children[index] !== item)) this.grid.replaceChildren(...items, ...sending);
  }

  drawChips(count, all) {
    const key = FILTERS.map((name) => (name === "everything" ? all : count(name))).join() + this.filter;
    if (this.chips.dataset.key === key) return;
    this.chips.dataset.key = key;
    const focus = document.activeElement?.dataset?.filter;
    this.chips.replaceChildren(...FILTERS.map((name) => h("button", {
      type: "button", class: "chip", "data-filter": name, "aria-pressed": String(name === this.filter), onclick: () => {
        this.filter = name;
        this.shown = PAGE;
        this.update();
      },
    }, `${t(`filter_${name}`)} `, h("span", { class: "count" }, number(name === "everything" ? all : count(name))))));
    if (focus) this.chips.querySelector(`[data-filter="${focus}"]`)?.focus();
  }

  card({ photo, job }) {
    const shown = doneOf(photo.id).at(-1);
    const key = JSON.stringify([job?.state, shown?.id, job?.progress?.fraction, job?.error]);
    const known = this.cards.get(photo.id);
    if (known?.key === key) return known.element;
    const why = job ? doubts(job) : [];
    const state = job?.state === "running" ? h("progress", { max: 1, value: job.progress?.fraction ?? 0, "aria-label": t("progress") })
      : h("span", { class: `state ${why.length ? "look" : ""}` }, job?.state === "failed" ? job.error : why.length ? why.join(", ") : t(`state_${job?.state ?? "none"}`));
    const content = [
      h("img", { src: shown ? `/api/jobs/${shown.id}/thumb.jpg` : `/api/photos/${photo.id}/thumb.jpg`, alt: "", loading: "lazy", class: shown ? "" : "pale" }),
      h("span", { class: "name" }, photo.name), state,
    ];
    const element = known?.element ?? h("li", {}, h("a", { href: `#${photo.id}` }));
    element.firstChild.replaceChildren(...content);
    this.cards.set(photo.id, { key, element });
    return element;
  }

  async cancelAll() {
    for (const job of [...jobs.values()].filter(isActive)) await attempt(() => act(job, "cancel"));
  }
}

function kindsOf(job) {
  if (!job) return [];
  if (isActive(job)) return ["working"];
  return [job.state, ...(doubts(job).length ? ["look"] : [])];
}

function sendingCard({ name, part }) {
  return h("li", { class: "sending" }, h("div", {}, h("span", { class: "name" }, name), h("progress", { max: 1, value: part, "aria-label": t("sending") })));
}
