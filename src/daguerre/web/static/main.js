// The beginning: what is shown, by the address after `#`.

import { t } from "./core.js";
import { AllPage } from "./all.js";
import { bring } from "./bring.js";
import { PhotoPage } from "./photo.js";
import { connect, listen, loadPhotos, photos, uploads } from "./store.js";

const sections = Object.fromEntries(["empty", "all", "photo"].map((id) => [id, document.getElementById(id)]));
const all = new AllPage(sections.all);
const photo = new PhotoPage(sections.photo);
let ready = false;
let before = "";

/** What the address asks for: a photograph, perhaps one of its results; or all. */
function asked() {
  const [id, version] = location.hash.slice(1).split(".");
  if (photos.has(id)) return ["photo", id, Number(version) || undefined];
  if (photos.size > 1 || id === "all" || (uploads.size > 1 && photos.size)) return photos.size || uploads.size ? ["all"] : ["empty"];
  if (photos.size === 1 && !id) return ["photo", [...photos.keys()][0]];
  return photos.size || uploads.size ? ["all"] : ["empty"];
}

function route() {
  if (!ready) return;
  const [name, id, version] = asked();
  for (const [key, section] of Object.entries(sections)) section.hidden = key !== name;
  document.body.dataset.shows = name;
  document.getElementById("add").hidden = name === "empty";
  const toAll = document.getElementById("to-all");
  toAll.hidden = name !== "photo" || photos.size < 2;
  document.getElementById("count").textContent = photos.size;
  if (name === "photo") photo.open(id, version);
  if (name === "all") all.update();
  document.title = name === "photo" ? `${photos.get(id).name} – Daguerre` : t("title");
  const now = `${name}${id ?? ""}`;
  if (before && before !== now && name !== "empty") document.getElementById("main").focus({ preventScroll: true });
  before = now;
}

window.addEventListener("hashchange", route);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  document.getElementById("main").focus();
});
listen(route);
document.getElementById("language").addEventListener("change", (event) => {
  location.href = `/?lang=${event.target.value}${location.hash}`;
});
bring((id) => {
  location.hash = id;
  route();
});
loadPhotos().finally(() => {
  ready = true;
  route();
});
connect();
