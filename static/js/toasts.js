// Short messages at the edge of the page. The same message twice is one message that stays longer.

import { _ } from "./i18n.js";
import { byId, icon } from "./dom.js";

const MOST = 2;
const SECONDS = { note: 4, error: 8 };

const region = byId("toasts");
const shown = new Map(); // text -> {element, timer}

// Only what lies inside the full-screen element is painted then.
document.addEventListener("fullscreenchange", () => (document.fullscreenElement ?? document.body).append(region));

function dismiss(text) {
  const toast = shown.get(text);
  if (!toast) return;
  clearTimeout(toast.timer);
  toast.element.remove();
  shown.delete(text);
}

function show(kind, text) {
  const known = shown.get(text);
  if (known) {
    clearTimeout(known.timer);
    known.timer = setTimeout(dismiss, SECONDS[kind] * 1000, text);
    return;
  }
  if (shown.size >= MOST) dismiss(shown.keys().next().value);

  const element = document.createElement("div");
  element.className = `toast ${kind}`;
  const words = document.createElement("p");
  words.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "button quiet square";
  close.setAttribute("aria-label", _("Dismiss"));
  close.append(icon("close"));
  close.addEventListener("click", () => dismiss(text));
  element.append(icon(kind === "error" ? "alert" : "done"), words, close);
  region.append(element);
  shown.set(text, { element, timer: setTimeout(dismiss, SECONDS[kind] * 1000, text) });
}

export const note = (text) => show("note", text);
export const error = (text) => show("error", text);
