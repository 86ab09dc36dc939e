// The clock on the wall where a camera is recorded: its days, its times. Moments are milliseconds since 1970.

import { formatIn } from "./i18n.js";

const HOUR = 3_600_000;

export class Zone {
  #fields;
  #clock;
  #exact;
  #day;
  #short;
  #whole;
  #weekday;
  #number;

  /** `name` as in the IANA data base: Europe/Berlin. */
  constructor(name) {
    this.name = name;
    // For arithmetic, and so in digits and a calendar that the reader does not choose.
    this.#fields = new Intl.DateTimeFormat("en-u-ca-gregory-nu-latn", {
      timeZone: name, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric",
    });
    this.#clock = formatIn(name, { timeStyle: "short" });
    this.#exact = formatIn(name, { timeStyle: "medium" });
    this.#day = formatIn(name, { dateStyle: "full" });
    this.#short = formatIn(name, { weekday: "short", day: "numeric", month: "short" });
    this.#weekday = formatIn(name, { weekday: "narrow" });
    this.#number = formatIn(name, { day: "numeric" });
    this.#whole = formatIn(name, { dateStyle: "medium", timeStyle: "medium" });
  }

  /** Central European Time */
  get inWords() {
    const parts = formatIn(this.name, { timeZoneName: "longGeneric" }).formatToParts(Date.now());
    return parts.find(({ type }) => type === "timeZoneName").value;
  }

  #read(at) {
    return Object.fromEntries(this.#fields.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  }

  #offset(at) {
    const { year, month, day, hour, minute, second } = this.#read(at);
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1000) * 1000;
  }

  /** The day of a moment: 2026-11-21. */
  dayOf(at) {
    const { year, month, day } = this.#read(at);
    return [year, String(month).padStart(2, "0"), String(day).padStart(2, "0")].join("-");
  }

  /** When a day begins. Where the clocks are changed at midnight that is not at 0:00. */
  startOf(day) {
    const midnight = Date.parse(`${day}T00:00:00Z`);
    const start = midnight - this.#offset(midnight - this.#offset(midnight));
    return this.dayOf(start) < day ? start + HOUR : start;
  }

  /** The day so many days later. */
  after(day, days = 1) {
    return new Date(Date.parse(`${day}T00:00:00Z`) + days * 24 * HOUR).toISOString().slice(0, 10);
  }

  /** The moment of a day at which its clock shows HH:MM:SS. */
  at(day, time) {
    const shown = Date.parse(`${day}T${time.padEnd(8, ":00")}Z`);
    return shown - this.#offset(shown - this.#offset(shown));
  }

  /** HH:MM:SS, as <input type=time> wants it. */
  field(at) {
    const { hour, minute, second } = this.#read(at);
    return [hour, minute, second].map((value) => String(value).padStart(2, "0")).join(":");
  }

  /** 14:02 */
  clock(at) {
    return this.#clock.format(at);
  }

  /** 14:02:33 */
  exact(at) {
    return this.#exact.format(at);
  }

  /** 21 Nov 2026, 14:02:33 */
  whole(at) {
    return this.#whole.format(at);
  }

  #noon(day) {
    return this.startOf(day) + 12 * HOUR;
  }

  /** Saturday, 21 November 2026 */
  dayInWords(day) {
    return this.#day.format(this.#noon(day));
  }

  /** Sat, 21 Nov */
  shortDay(day) {
    return this.#short.format(this.#noon(day));
  }

  /** S */
  weekday(day) {
    return this.#weekday.format(this.#noon(day));
  }

  /** 21, in the reader's calendar */
  dayNumber(day) {
    return this.#number.format(this.#noon(day));
  }

  /** For the name of a file: 2026-11-21-14-02-33. */
  fileStamp(at) {
    return `${this.dayOf(at)}-${this.field(at).replaceAll(":", "-")}`;
  }
}
