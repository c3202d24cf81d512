// Photographs come in: dropped, pasted, chosen, as files or a folder. Each is sent, and starts by itself.

import { ask, attempt, complain, maxBytes, number, send, t } from "./core.js";
import { changed, photos, startJob, uploads } from "./store.js";

const HEAD = 2 ** 18;
const AT_ONCE = 2;
const PICTURE = /\.(jpe?g|jpe|jfif|png|tiff?|webp|avif|gif|bmp|dib|heic|heif|hif)$/i;

let opened = () => {};
const waiting = [];
let running = 0;
let serial = 0;

/** Listen to everything by which photographs can come. `show` opens one, or the overview. */
export function bring(show) {
  opened = show;
  const files = document.getElementById("files");
  const folder = document.getElementById("folder");
  for (const input of [files, folder]) {
    input.addEventListener("change", () => {
      take([...input.files].filter((file) => input === files || PICTURE.test(file.name)));
      input.value = "";
    });
  }
  document.getElementById("add").addEventListener("click", () => files.click());
  for (const button of document.querySelectorAll("[data-choose]")) {
    button.addEventListener("click", () => document.getElementById(button.dataset.choose).click());
  }
  document.addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length) take([...event.clipboardData.files]);
  });
  listenToDrops();
}

function listenToDrops() {
  const sheet = document.getElementById("drop-here");
  let depth = 0;
  const isFiles = (event) => event.dataTransfer?.types.includes("Files");
  const show = (shown) => (sheet.hidden = !shown);
  document.addEventListener("dragenter", (event) => isFiles(event) && show(++depth > 0));
  document.addEventListener("dragleave", (event) => isFiles(event) && show(--depth > 0));
  document.addEventListener("dragover", (event) => isFiles(event) && event.preventDefault());
  document.addEventListener("drop", async (event) => {
    if (!isFiles(event)) return;
    event.preventDefault();
    depth = 0;
    show(false);
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.());
    const loose = [...event.dataTransfer.files];
    if (entries.some((entry) => entry?.isDirectory)) {
      const found = (await Promise.all(entries.filter(Boolean).map(walk))).flat();
      take(found.filter((file) => PICTURE.test(file.name) && !file.name.startsWith(".")));
    } else take(loose);
  });
}

/** All files of a folder that was dropped, and of those in it. */
async function walk(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const part = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!part.length) return found;
    found.push(...(await Promise.all(part.map(walk))).flat());
  }
}

function take(files) {
  if (!files.length) return;
  for (const file of files) {
    if (file.size > maxBytes) complain(t("too_large", { name: file.name, size: number(file.size / 1e6), most: number(maxBytes / 1e6) }));
    else waiting.push({ id: ++serial, file, alone: files.length === 1 });
  }
  for (const item of waiting) uploads.set(item.id, { name: item.file.name, part: 0 });
  if (files.length > 1 && waiting.length) opened("all");
  changed();
  while (running < AT_ONCE && waiting.length) next();
}

async function next() {
  const item = waiting.shift();
  if (!item) return;
  running++;
  await attempt(() => sendOne(item));
  uploads.delete(item.id);
  running--;
  changed();
  next();
}

async function sendOne({ id, file, alone }) {
  if (file.size > 4 * HEAD) {
    await ask(`/api/photos/check?bytes=${file.size}`, { method: "POST", body: file.slice(0, HEAD) });
  }
  const photo = await send(`/api/photos?name=${encodeURIComponent(file.name)}`, file, (part) => {
    uploads.set(id, { name: file.name, part });
    changed();
  });
  photos.set(photo.id, photo);
  if (alone) opened(photo.id);
  await startJob(photo.id, { steps: [{ task: "restore" }] });
}
