// How a camera records: a form for admins.

import { api } from "./api.js";
import { onSubmit, openForm } from "./dialogs.js";
import { byId, fromTemplate, say } from "./dom.js";
import { _, firstWeekday } from "./i18n.js";
import { error, note } from "./toasts.js";

const GB = 1e9;
const DAY = 24 * 60; // minutes

const dialog = byId("settings-dialog");
let camera = null;
let known = null;
let saved; // told after each change

/** `done()` is told after each change. */
export function startRecordingSettings(zone, done) {
  saved = done;
  const form = dialog.querySelector("form");
  // 2 January 2023 was a Monday, which is day 0 here.
  const weekdays = Array.from({ length: 7 }, (_day, at) => [zone.weekdayInWords(`2023-01-0${at + 2}`), at]);
  const days = byId("span").content.querySelector("[name=day]");
  days.append(...[...weekdays.slice(firstWeekday - 1), ...weekdays.slice(0, firstWeekday - 1)].map(([name, at]) => new Option(name, at)));
  form.elements.mode.addEventListener("change", () => showParts(form));
  byId("add-span").addEventListener("click", () => addSpan([0, 8 * 60, 18 * 60]).querySelector("select").focus());
  onSubmit(form, async () => {
    await api.put(`cameras/${camera.id}/recording`, chosen(form));
    note(_("Saved"));
    saved();
  });
}

export async function openRecordingSettings(which) {
  camera = which;
  try {
    known = await api.get(`cameras/${which.id}/recording`);
  } catch (refusal) {
    return error(refusal.message);
  }
  openForm(dialog, (form) => fill(form));
}

function fill(form) {
  say(dialog.querySelector("[data-slot=camera]"), camera.name);
  for (const name of ["mode", "codec", "pre_seconds", "post_seconds"]) form.elements[name].value = known[name];
  form.elements.days.value = known.days ?? "";
  form.elements.gigabytes.value = known.bytes === null ? "" : known.bytes / GB;
  byId("spans").replaceChildren();
  for (const span of known.schedule) addSpan(span);
  showParts(form);
}

/** What does not belong to the mode is not asked, and not checked. */
function showParts(form) {
  const mode = form.elements.mode.value;
  for (const [id, of] of [["for-motion", "motion"], ["for-schedule", "schedule"]]) {
    byId(id).hidden = mode !== of;
    byId(id).disabled = mode !== of;
  }
  if (mode === "schedule" && !byId("spans").children.length) for (const day of [0, 1, 2, 3, 4]) addSpan([day, 8 * 60, 18 * 60]);
}

const clock = (minutes) => [Math.floor(minutes / 60) % 24, minutes % 60].map((value) => String(value).padStart(2, "0")).join(":");
const minutes = (time) => time.split(":").reduce((sum, value) => sum * 60 + Number(value), 0);

function addSpan([day, begin, end]) {
  const row = fromTemplate("span");
  const [days, from, to] = row.querySelectorAll("[name]");
  days.value = day;
  from.value = clock(begin);
  to.value = clock(end); // 0:00 is the end of the day
  row.querySelector("button").addEventListener("click", () => row.remove());
  byId("spans").append(row);
  return row;
}

function chosen({ elements }) {
  const spans = [...byId("spans").children].map((row) => {
    const [day, from, to] = row.querySelectorAll("[name]");
    return [Number(day.value), minutes(from.value), minutes(to.value) || DAY];
  });
  const given = (field) => (field.value === "" ? null : field.valueAsNumber);
  const gigabytes = given(elements.gigabytes);
  return {
    mode: elements.mode.value,
    codec: elements.codec.value,
    pre_seconds: elements.pre_seconds.valueAsNumber,
    post_seconds: elements.post_seconds.valueAsNumber,
    schedule: spans,
    days: given(elements.days),
    bytes: gigabytes === null ? null : Math.round(gigabytes * GB),
  };
}
