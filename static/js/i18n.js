// Words, numbers and times as the reader writes them.

import { catalogue, language } from "./page.js";

/** The translation of `text`, its %(name)s filled from `values`. */
export function _(text, values = {}) {
  return (catalogue[text] || text).replace(/%\((\w+)\)s/g, (placeholder, name) => values[name] ?? placeholder);
}

// The page's language with the reader's own region: 14:02 in Britain, 2:02 PM in America.
const locale = navigator.languages.find((candidate) => candidate.split("-")[0] === language) ?? language;

const integer = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const milliseconds = new Intl.NumberFormat(locale, { style: "unit", unit: "millisecond", unitDisplay: "short", maximumFractionDigits: 0 });
const kilobytes = new Intl.NumberFormat(locale, { style: "unit", unit: "kilobyte", unitDisplay: "short", maximumFractionDigits: 0 });
const degrees = new Intl.NumberFormat(locale, { style: "unit", unit: "degree", unitDisplay: "narrow", maximumFractionDigits: 0 });
const clockTime = new Intl.DateTimeFormat(locale, { timeStyle: "short" });
const dayAndTime = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });

export const number = (value) => integer.format(value);
export const inSeconds = (value) => _("%(count)s s", { count: number(value) });
export const inMilliseconds = (value) => milliseconds.format(value);
export const inKilobytes = (bytes) => kilobytes.format(bytes / 1000);
export const inDegrees = (value) => degrees.format(value);

/** 14:02, with the date when that was not today. */
export function moment(iso) {
  const when = new Date(iso);
  const today = when.toDateString() === new Date().toDateString();
  return (today ? clockTime : dayAndTime).format(when);
}
