// Words, numbers and times as the reader writes them.

import { catalogue, language } from "./page.js";

/** The translation of `text`, its %(name)s filled from `values`. */
export function _(text, values = {}) {
  return (catalogue[text] || text).replace(/%\((\w+)\)s/g, (placeholder, name) => (name in values ? isolated(values[name]) : placeholder));
}

const rightToLeft = document.documentElement.dir === "rtl";
const OTHER_DIRECTION = rightToLeft ? /[\p{L}\p{N}]/u : /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;

/** A name, an address or a number keeps its own direction, and does not shuffle the sentence around it. */
function isolated(value) {
  return OTHER_DIRECTION.test(value) ? `\u2068${value}\u2069` : value;
}

// The page's language with the reader's own region: 14:02 in Britain, 2:02 PM in America.
const locale = navigator.languages.find((candidate) => candidate.split("-")[0] === language) ?? language;
// What an engineer compares with a data sheet has the digits of the data sheet; times are told in the reader's own.
const technical = new Intl.Locale(locale, { numberingSystem: "latn" });

const plain = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const integer = new Intl.NumberFormat(technical, { maximumFractionDigits: 0 });
const hundredths = new Intl.NumberFormat(technical, { maximumFractionDigits: 2 });
const percent = new Intl.NumberFormat(technical, { style: "percent", maximumFractionDigits: 1 });
const celsius = new Intl.NumberFormat(technical, { style: "unit", unit: "celsius", maximumFractionDigits: 0 });
const BYTES = ["gigabyte", "megabyte", "kilobyte"].map((unit, at) => ({
  size: 1000 ** (3 - at),
  format: new Intl.NumberFormat(technical, { style: "unit", unit, unitDisplay: "short", maximumSignificantDigits: 3 }),
}));
const milliseconds = new Intl.NumberFormat(technical, { style: "unit", unit: "millisecond", unitDisplay: "short", maximumFractionDigits: 0 });
const kilobytes = new Intl.NumberFormat(technical, { style: "unit", unit: "kilobyte", unitDisplay: "short", maximumFractionDigits: 0 });
const degrees = new Intl.NumberFormat(technical, { style: "unit", unit: "degree", unitDisplay: "narrow", maximumFractionDigits: 0 });
const inUnits = (unit) => new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "long", maximumFractionDigits: 0 });
const SPANS = [
  { seconds: 86_400, format: inUnits("day") },
  { seconds: 3600, format: inUnits("hour") },
  { seconds: 60, format: inUnits("minute") },
  { seconds: 1, format: inUnits("second") },
];
const together = new Intl.ListFormat(locale, { type: "unit", style: "long" });
const clockTime = new Intl.DateTimeFormat(locale, { timeStyle: "short" });
const onlyDay = new Intl.DateTimeFormat(locale, { dateStyle: "medium" });
const exactTime = new Intl.DateTimeFormat(locale, { timeStyle: "medium" });
const dayAndExactTime = new Intl.DateTimeFormat(locale, { dateStyle: "short", timeStyle: "medium" });
const dayAndTime = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });

export const number = (value, digits = 0) => (digits ? hundredths : integer).format(value);
export const inPercent = (value) => percent.format(value);
export const inCelsius = (value) => celsius.format(value);
export const counted = (value) => plain.format(value);
export const inSeconds = (value) => _("%(count)s s", { count: counted(value) });
export const inMilliseconds = (value) => milliseconds.format(value);
export const inKilobytes = (bytes) => kilobytes.format(bytes / 1000);
/** 1.23 GB, 45.6 MB, 789 kB */
export function inBytes(bytes) {
  const { size, format } = BYTES.find((unit) => bytes >= unit.size) ?? BYTES.at(-1);
  return format.format(bytes / size);
}
export const inDecibels = (value) => _("%(value)s dBm", { value: integer.format(value) });
/** 3 days, 4 hours: the two largest units that fit. */
export function inTime(seconds) {
  const first = SPANS.findIndex((span) => seconds >= span.seconds);
  if (first < 0) return SPANS.at(-1).format.format(0);
  const parts = [];
  let left = Math.floor(seconds);
  for (const span of SPANS.slice(first, first + 2)) {
    if (left >= span.seconds) parts.push(span.format.format(Math.floor(left / span.seconds)));
    left %= span.seconds;
  }
  return together.format(parts);
}
export const inDegrees = (value) => degrees.format(value);

/** A format of times in a zone that is not the reader's own. */
export const formatIn = (timeZone, options) => new Intl.DateTimeFormat(locale, { timeZone, ...options });

/** The reader's first day of the week, 1 being Monday. Not every browser knows it. */
export const firstWeekday = new Intl.Locale(locale).maximize().getWeekInfo?.().firstDay ?? 1;

export const day = (iso) => onlyDay.format(new Date(iso));
/** 14:02:33, with the date when that was not today. */
export function exactMoment(iso) {
  const when = new Date(iso);
  const today = when.toDateString() === new Date().toDateString();
  return (today ? exactTime : dayAndExactTime).format(when);
}

/** 14:02, with the date when that was not today. */
export function moment(iso) {
  const when = new Date(iso);
  const today = when.toDateString() === new Date().toDateString();
  return (today ? clockTime : dayAndTime).format(when);
}
