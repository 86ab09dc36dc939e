// How a camera is recorded: the folded part of its dialog.

import { api } from "./api.js";
import { byId, fromTemplate } from "./dom.js";
import { _ } from "./i18n.js";

const part = byId("recording-settings");
const spans = byId("spans");
const NUMBERS = ["fps", "crf", "pre_seconds", "post_seconds"];
const GIGABYTE = 1e9;
const ALL_DAY = [0, 1440];
const DEFAULTS = { mode: "off", codec: "h264", fps: 10, crf: 23, pre_seconds: 5, post_seconds: 10, schedule: [], days: null, bytes: null };

let before = null; // what was set when the dialog was opened; null while that is not known

const field = (name) => part.querySelector(`[name="recording_${name}"]`);

/** Minutes since midnight ↔ the value of a time field, in which the end of a day is 00:00 as well. */
const asTime = (minutes) => [Math.floor(minutes / 60) % 24, minutes % 60].map((value) => String(value).padStart(2, "0")).join(":");
function asMinutes(time, isEnd) {
  const [hours, minutes] = time.split(":").map(Number);
  return hours * 60 + minutes || (isEnd ? 1440 : 0);
}

function addSpan([day, begin, end]) {
  const row = fromTemplate("span-row");
  row.querySelector('[name="day"]').value = day;
  row.querySelector('[name="begin"]').value = asTime(begin);
  row.querySelector('[name="end"]').value = asTime(end);
  row.querySelector("button").addEventListener("click", () => {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    (next?.querySelector("select") ?? byId("add-span")).focus();
    check();
  });
  spans.append(row);
  return row;
}

const spanOf = (row) => [
  Number(row.querySelector('[name="day"]').value),
  asMinutes(row.querySelector('[name="begin"]').value, false),
  asMinutes(row.querySelector('[name="end"]').value, true),
];

/** What is of no use in a mode is not asked for; what cannot be is said at the field. */
function check() {
  const mode = field("mode").value;
  for (const element of part.querySelectorAll("[data-for]")) {
    element.hidden = !element.dataset.for.split(" ").some((word) => word === mode || word === field("codec").value);
    for (const input of element.querySelectorAll("input, select")) input.disabled = element.hidden;
  }
  for (const row of spans.children) {
    const [, begin, end] = spanOf(row);
    row.querySelector('[name="end"]').setCustomValidity(begin < end ? "" : _("A span ends after it begins. Make two of one that goes over midnight."));
  }
}

function show(settings) {
  field("mode").value = settings.mode;
  field("codec").value = settings.codec;
  for (const name of NUMBERS) field(name).value = settings[name];
  field("days").value = settings.days ?? "";
  field("gigabytes").value = settings.bytes === null ? "" : settings.bytes / GIGABYTE;
  spans.replaceChildren();
  settings.schedule.forEach(addSpan);
  check();
}

function read() {
  const settings = { mode: field("mode").value, codec: field("codec").value };
  for (const name of NUMBERS) settings[name] = field(name).valueAsNumber;
  settings.schedule = [...spans.children].map(spanOf);
  settings.days = field("days").value ? field("days").valueAsNumber : null;
  settings.bytes = field("gigabytes").value ? Math.round(field("gigabytes").valueAsNumber * GIGABYTE) : null;
  return settings;
}

export const recordingForm = {
  start() {
    part.addEventListener("change", check);
    byId("add-span").addEventListener("click", () => {
      const last = spans.lastElementChild && spanOf(spans.lastElementChild);
      const row = addSpan(last ? [(last[0] + 1) % 7, last[1], last[2]] : [0, ...ALL_DAY]);
      row.querySelector("select").focus();
      check();
    });
  },

  /** For a camera, or for a new one without. What was set comes a moment later. */
  async open(camera) {
    before = camera ? null : DEFAULTS;
    part.dataset.camera = camera?.id ?? "";
    part.open = false;
    show(DEFAULTS);
    part.hidden = Boolean(camera);
    if (!camera) return;
    const settings = await api.get(`cameras/${camera.id}/recording`);
    if (part.dataset.camera !== String(camera.id)) return; // another dialog was opened meanwhile
    before = settings;
    show(settings);
    part.hidden = false;
  },

  /** Only what was changed is sent. */
  async save(camera) {
    if (before === null) return;
    const changes = Object.entries(read()).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name]));
    if (changes.length) await api.put(`cameras/${camera.id}/recording`, Object.fromEntries(changes));
  },
};
