// What every module uses: texts, elements, requests, messages.

const texts = JSON.parse(document.getElementById("texts").textContent);
const meta = (name) => document.querySelector(`meta[name="${name}"]`).content;

export const language = document.documentElement.lang;
export const maxBytes = Number(meta("max-bytes"));

/** A text of the page, `{name}` replaced. */
export function t(key, values = {}) {
  return (texts[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

export const has = (key) => key in texts;

export function number(value, digits = 0) {
  return new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);
}

/** How much time is left, in words, rounded as people do. */
export function remaining(seconds) {
  if (seconds < 8) return t("left_few");
  let time = t("hours", { n: number(seconds / 3600, 1) });
  if (seconds < 5400) time = t("minutes", { n: number(Math.round(seconds / 60)) });
  if (seconds < 90) time = t("minute");
  if (seconds < 55) time = t("seconds", { n: number(Math.ceil(seconds / 5) * 5) });
  return t("left", { time });
}

/** An element: attributes, listeners (`onclick`), and children. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const SHAPES = {
  plus: "M10 4v12M4 10h12",
  minus: "M4 10h12",
  fit: "M4 8V4h4M12 4h4v4M16 12v4h-4M8 16H4v-4",
  download: "M10 3v9m-4-4 4 4 4-4M4 16h12",
  undo: "M7 5 3 9l4 4M3 9h8a5 5 0 0 1 0 8H8",
  redo: "m13 5 4 4-4 4m4-4H9a5 5 0 0 0 0 8h3",
  back: "m12 4-6 6 6 6",
  close: "m5 5 10 10M15 5 5 15",
  check: "m4 10 4 4 8-9",
  warn: "M10 3 2.5 16.5h15L10 3Zm0 5v4m0 2.2v.3",
};

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", SHAPES[name]);
  svg.append(path);
  return svg;
}

export class Refused extends Error {}

/** Ask the server; gives JSON, or a blob if `as` says so. A refusal is an error with its one line. */
export async function ask(path, { method = "GET", json, body, signal, as = "json" } = {}) {
  const headers = method === "GET" ? {} : { "X-Token": meta("token") };
  if (json !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: json === undefined ? body : JSON.stringify(json), signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(t("no_server"));
  }
  if (!answer.ok) await refusal(answer);
  return as === "blob" ? answer.blob() : answer.json();
}

async function refusal(answer) {
  const said = await answer.json().catch(() => ({}));
  if (answer.status === 403) location.reload();
  throw new Refused(said.error ?? t("no_server"));
}

/** Send a file as it is; `note` is told the part that has been sent. */
export function send(path, file, note) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.setRequestHeader("X-Token", meta("token"));
    request.responseType = "json";
    request.upload.onprogress = (event) => note(event.total ? event.loaded / event.total : 0);
    request.onerror = () => reject(new Refused(t("no_server")));
    request.onload = () =>
      request.status < 300 ? resolve(request.response) : reject(new Refused(request.response?.error ?? t("no_server")));
    request.send(file);
  });
}

/** Tell a person that something went wrong; it stays until they take it away. */
export function complain(line) {
  const box = document.getElementById("messages");
  if ([...box.children].some((child) => child.dataset.line === line)) return;
  const close = h("button", { type: "button", class: "icon-only", "aria-label": t("close"), onclick: () => item.remove() }, icon("close"));
  const item = h("div", { class: "message" }, icon("warn"), h("p", {}, line), close);
  item.dataset.line = line;
  box.append(item);
  while (box.children.length > 4) box.firstChild.remove();
}

/** Run something that may be refused, and say why if it is. */
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    if (error.name === "AbortError") return undefined;
    if (!(error instanceof Refused)) console.error(error);
    complain(error.message);
    return undefined;
  }
}

const nameOf = (element) => `${element.tagName} ${element.labels?.[0]?.textContent ?? element.textContent}`;

/** Make something anew within an element, and leave the focus, the place and what is unfolded as they were. */
export function undisturbed(element, work) {
  const focused = element.contains(document.activeElement) && nameOf(document.activeElement);
  const { scrollTop } = element;
  const open = element.querySelector("details")?.open;
  work();
  const details = element.querySelector("details");
  if (details && open) details.open = true;
  element.scrollTop = scrollTop;
  if (!focused) return;
  const again = [...element.querySelectorAll("input, button, select, summary, a")].find((one) => nameOf(one) === focused);
  again?.focus({ preventScroll: true });
}

/** Tell those who listen to the page, without showing it. */
export function announce(line) {
  document.getElementById("status").textContent = line;
}

/** The same function, called only when it has not been asked for a while. */
export function later(work, wait) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...values), wait);
  };
}
