// What there is of one camera and one day: parts, gaps, events and poses, in the order of time.
// Moments are milliseconds since 1970.

import { api } from "./api.js";

/** Two parts that are no further apart are one run: nobody notices the seam. */
export const SEAM = 2000;
const NO_FILE = new Set(["missing", "quarantined"]); // states of a recording that cannot be played

const moment = (iso) => (iso === null ? null : Date.parse(iso));

/** The last of an ordered list that begins at `at` or before. */
export function lastBefore(list, at, begin = (item) => item.from) {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (begin(list[middle]) <= at) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Emits "changed" after each load. */
export class Footage extends EventTarget {
  #now;

  /** @type {{id: number, from: number, to: number, open: boolean, protected: boolean, codec: string}[]} */
  parts = [];
  /** Parts that are written down and cannot be played. */
  lost = [];
  gaps = [];
  events = [];
  poses = [];

  /** `now()`: the server's clock. */
  constructor(camera, day, zone, now) {
    super();
    this.camera = camera;
    this.day = day;
    this.zone = zone;
    this.from = zone.startOf(day);
    this.to = zone.startOf(zone.after(day));
    this.#now = now;
  }

  get isToday() {
    return this.#now() < this.to && this.#now() >= this.from;
  }

  /** Up to where anything can have happened. */
  get end() {
    return Math.min(this.to, Math.max(this.from, this.#now()));
  }

  async load() {
    const query = new URLSearchParams({ from: new Date(this.from).toISOString(), to: new Date(this.to).toISOString() });
    const found = await api.get(`cameras/${encodeURIComponent(this.camera.slug)}/timeline?${query}`);
    const known = new Map(this.parts.map((part) => [part.id, part]));
    const parts = found.recordings
      .map(([id, from, to, state, kept, codec]) => this.#part(known.get(id), { id, from: moment(from), to: moment(to), state, protected: kept, codec }))
      .sort((a, b) => a.from - b.from);
    this.parts = parts.filter(({ state }) => !NO_FILE.has(state));
    this.lost = parts.filter(({ state }) => NO_FILE.has(state));
    const spans = (list) => list.map((item) => ({ ...item, from: moment(item.from), to: moment(item.to) ?? this.end })).sort((a, b) => a.from - b.from);
    this.gaps = spans(found.gaps);
    this.events = spans(found.events ?? []);
    this.poses = (found.poses ?? []).map(([at, x, y]) => ({ from: moment(at), x, y }));
    this.dispatchEvent(new Event("changed"));
  }

  /** The same object as long as the part is known: whoever plays it holds it. */
  #part(known, news) {
    const open = news.state === "recording";
    const to = news.to ?? (open ? this.end : news.from);
    // A part that is being recorded only grows, whatever an older answer said.
    return Object.assign(known ?? {}, news, { open, to: open && known ? Math.max(known.to, to) : to });
  }

  /** The part of that moment, or null. */
  partAt(at) {
    const part = this.parts[lastBefore(this.parts, at)];
    return part && at < part.to ? part : null;
  }

  /** The first part that begins at `at` or later, or null. */
  partAfter(at) {
    return this.parts[lastBefore(this.parts, at - 0.001) + 1] ?? null;
  }

  partBefore(at) {
    return this.parts[lastBefore(this.parts, at)] ?? null;
  }

  /** The part that goes on where this one ends, or null. */
  follower(part) {
    const next = this.parts[this.parts.indexOf(part) + 1];
    return next && next.from - part.to <= SEAM ? next : null;
  }

  /** Where there is a picture: at the moment itself, else at the next part, else at the end of the last. Null: nowhere. */
  nearest(at) {
    if (this.partAt(at)) return at;
    const next = this.partAfter(at);
    if (next) return next.from;
    const last = this.parts.at(-1);
    return last ? Math.max(last.from, last.to - 1) : null;
  }

  /** Why there is nothing between two moments: the causes of the gaps there, the longest first. */
  causes(from, to) {
    const overlap = (gap) => Math.min(gap.to, to) - Math.max(gap.from, from);
    return this.gaps.filter((gap) => overlap(gap) > 0).sort((a, b) => overlap(b) - overlap(a)).map(({ cause }) => cause);
  }

  /** The pose at that moment, or null. */
  poseAt(at) {
    return this.poses[lastBefore(this.poses, at)] ?? null;
  }

  eventAfter(at) {
    return this.events[lastBefore(this.events, at) + 1] ?? null;
  }

  eventBefore(at) {
    return this.events.findLast(({ from }) => from < at) ?? null;
  }
}
