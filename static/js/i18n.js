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
const clockTime = new Intl.DateTimeFormat(locale, { timeStyle: "short" });
const onlyDay = new Intl.DateTimeFormat(locale, { dateStyle: "medium" });
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
export const inDegrees = (value) => degrees.format(value);

export const day = (iso) => onlyDay.format(new Date(iso));

/** 14:02, with the date when that was not today. */
export function moment(iso) {
  const when = new Date(iso);
  const today = when.toDateString() === new Date().toDateString();
  return (today ? clockTime : dayAndTime).format(when);
}
