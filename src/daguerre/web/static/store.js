// Photographs and jobs as the server knows them, and who wants to hear of changes.

import { announce, ask, complain, t } from "./core.js";

export const photos = new Map();
export const jobs = new Map();
export const uploads = new Map();

const listeners = new Set();

/** Call a function whenever something has changed; gives what ends that. */
export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

let told = false;
export function changed() {
  if (told) return;
  told = true;
  queueMicrotask(() => {
    told = false;
    for (const listener of [...listeners]) listener();
  });
}

export async function loadPhotos() {
  const found = await ask("/api/photos");
  photos.clear();
  for (const photo of found) photos.set(photo.id, photo);
  changed();
}

export const isActive = (job) => job.state === "waiting" || job.state === "running";

/** Jobs of a photograph, from the oldest to the newest. */
export const jobsOf = (photo) => [...jobs.values()].filter((job) => job.photo === photo).sort((a, b) => a.id - b.id);

/** The newest job of a photograph that has not been cancelled. */
export const latest = (photo) => jobsOf(photo).filter((job) => job.state !== "cancelled").at(-1);

export const doneOf = (photo) => jobsOf(photo).filter((job) => job.state === "done");

/** What is worth a look, in percent and dB; as in the archive's report. */
const LIMITS = { damaged: 2, agreement: 35, pale: 30, tone: 15, texture: 20, other: 1 };

/** Why somebody should look at a result before the others; the gravest first. */
export function doubts(job) {
  const found = [];
  if (job.state === "failed") found.push(t("doubt_failed"));
  for (const step of job.steps ?? []) {
    const said = step.found ?? {};
    if (said.warnings?.length) found.push(t("doubt_warning"));
    if (Object.entries(said.taken_back_percent ?? {}).some(([what, part]) => part >= (LIMITS[what] ?? LIMITS.other))) found.push(t("doubt_taken_back"));
    if (said.damaged_percent > LIMITS.damaged) found.push(t("doubt_damaged"));
    if (said.faces?.some((face) => face.fate === "kept")) found.push(t("doubt_faces"));
    if (said.pale_percent > LIMITS.pale || said.tone_change_percent > LIMITS.tone) found.push(t("doubt_pale"));
    if (said.agreement_db !== undefined && said.agreement_db !== null && said.agreement_db < LIMITS.agreement) found.push(t("doubt_agreement"));
  }
  return found;
}

/** Hear of jobs as they change, as long as the page is open. */
export function connect() {
  const source = new EventSource("/api/events");
  let lost = false;
  source.addEventListener("all", async (event) => {
    jobs.clear();
    for (const job of JSON.parse(event.data)) jobs.set(job.id, job);
    if (lost) document.getElementById("messages").replaceChildren();
    lost = false;
    await loadPhotos();
  });
  source.addEventListener("job", (event) => {
    const job = JSON.parse(event.data);
    const before = jobs.get(job.id)?.state;
    jobs.set(job.id, job);
    if (before && before !== job.state && !isActive(job)) announce(`${job.name}: ${t(`state_${job.state}`)}`);
    if (job.photo && !photos.has(job.photo)) loadPhotos();
    changed();
  });
  source.onerror = () => {
    if (!lost) complain(t("no_server"));
    lost = true;
  };
}

export async function startJob(photo, request, { first = false } = {}) {
  const job = await ask("/api/jobs", { method: "POST", json: { photo, request, first } });
  jobs.set(job.id, job);
  changed();
  return job;
}

export async function act(job, what) {
  const said = await ask(`/api/jobs/${job.id}/${what}`, { method: "POST" });
  jobs.set(said.id, said);
  changed();
}

export async function forget(photo) {
  await ask(`/api/photos/${photo}`, { method: "DELETE" });
  photos.delete(photo);
  for (const job of jobsOf(photo)) jobs.delete(job.id);
  changed();
}
