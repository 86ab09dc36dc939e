// Words, numbers and times as the reader writes them.

import { catalogue, language } from "./page.js";

/** The translation of `text`, its %(name)s filled from `values`. */
export function _(text, values = {}) {
  return (catalogue[text] || text).replace(/%\((\w+)\)s/g, (placeholder, name) => values[name] ?? placeholder);
}

const integer = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
const seconds = new Intl.NumberFormat(language, { style: "unit", unit: "second", unitDisplay: "narrow", maximumFractionDigits: 0 });
const milliseconds = new Intl.NumberFormat(language, { style: "unit", unit: "millisecond", unitDisplay: "short", maximumFractionDigits: 0 });
const kilobytes = new Intl.NumberFormat(language, { style: "unit", unit: "kilobyte", unitDisplay: "short", maximumFractionDigits: 0 });
const degrees = new Intl.NumberFormat(language, { style: "unit", unit: "degree", unitDisplay: "narrow", maximumFractionDigits: 0 });
const clockTime = new Intl.DateTimeFormat(language, { timeStyle: "short" });
const dayAndTime = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });

export const number = (value) => integer.format(value);
export const inSeconds = (value) => seconds.format(value);
export const inMilliseconds = (value) => milliseconds.format(value);
export const inKilobytes = (bytes) => kilobytes.format(bytes / 1000);
export const inDegrees = (value) => degrees.format(value);

/** 14:02, with the date when that was not today. */
export function moment(iso) {
  const when = new Date(iso);
  const today = when.toDateString() === new Date().toDateString();
  return (today ? clockTime : dayAndTime).format(when);
}
