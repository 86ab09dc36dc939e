// Which camera and which day are looked at; keeps the address, and asks for news while the day goes on.

import { api } from "./api.js";
import { byId } from "./dom.js";
import { Footage } from "./footage.js";
import { me } from "./page.js";
import { faultInWords, teachInWords } from "./recordings_words.js";
import { error } from "./toasts.js";

const NEWS = 4000; // ms, while something is being recorded
const LAST_MOMENTS = 10_000; // ms of the latest recording that a visit begins with

/** Emits "open" with each other footage, "news" when the same footage has changed. */
export class Lookback extends EventTarget {
  #cameras;
  #zone;
  #now;
  #timer = null;
  #turn = 0;

  camera = null;
  footage = null;

  constructor(cameras, zone, now) {
    super();
    this.#cameras = cameras;
    this.#zone = zone;
    this.#now = now;
    byId("camera").addEventListener("change", ({ target }) => this.open(cameras.find(target.value), this.footage?.day));
    cameras.addEventListener("list", () => this.#listed());
    cameras.addEventListener("changed", ({ detail }) => {
      if (detail !== this.#current) return;
      this.dispatchEvent(new Event("recording"));
      // It has begun or ended to record: the line of time is another.
      const told = JSON.stringify(detail.recording ?? null);
      if (told !== this.#told && this.footage?.isToday) this.refresh();
      this.#told = told;
    });
    document.addEventListener("visibilitychange", () => !document.hidden && this.#plan(0));
    addEventListener("popstate", () => this.fromAddress());
  }

  #told = "null";

  get #current() {
    return this.camera && this.#cameras.find(this.camera.id);
  }

  /** How the camera records, if that is known; and what keeps it from that, in words. */
  get recording() {
    return this.#current?.recording ?? null;
  }

  get alarm() {
    return this.recording?.fault ? faultInWords(this.recording.fault) : "";
  }

  get teach() {
    return teachInWords(this.camera, this.recording, me.is_admin);
  }

  /** Whether it could be switched on, by whoever looks. */
  get couldBeOn() {
    return me.is_admin && this.recording?.mode === "off";
  }

  /** What the address names, else the person's own camera and its latest recording. */
  async fromAddress() {
    const query = new URLSearchParams(location.search);
    const { all } = this.#cameras;
    const camera = this.#cameras.find(query.get("camera")) ?? this.#cameras.find(me.default_camera) ?? all[0] ?? null;
    this.#drawChoice(camera);
    if (!camera) return;
    const at = Date.parse(query.get("at") ?? "");
    const day = /^\d{4}-\d\d-\d\d$/.test(query.get("day") ?? "") ? query.get("day") : null;
    await this.open(camera, Number.isNaN(at) ? day : this.#zone.dayOf(at), Number.isNaN(at) ? null : at);
  }

  /** Open a day of a camera, null for that of its latest recording; at a moment, null for the latest. */
  async open(camera, day = null, at = null) {
    const turn = (this.#turn += 1);
    clearTimeout(this.#timer);
    this.camera = camera;
    const shown = day ?? (await this.#latestDay(camera));
    if (turn !== this.#turn) return;
    const footage = new Footage(camera, shown, this.#zone, this.#now);
    this.footage = footage;
    this.#drawChoice(camera);
    this.#address(at);
    try {
      await footage.load();
    } catch (refusal) {
      if (turn === this.#turn) error(refusal.message);
    }
    if (turn !== this.#turn) return;
    this.dispatchEvent(new CustomEvent("open", { detail: at ?? this.#beginning(footage) }));
    this.#plan();
  }

  /** Where a visit begins: at the latest event, or shortly before the end. */
  #beginning(footage) {
    const event = footage.events.at(-1);
    if (event && footage.partAt(event.from)) return event.from;
    const last = footage.parts.at(-1);
    return last ? Math.max(last.from, last.to - LAST_MOMENTS) : footage.from;
  }

  async #latestDay(camera) {
    const today = this.#zone.dayOf(this.#now());
    try {
      const query = new URLSearchParams({ camera: camera.id, limit: 1 });
      const answer = await fetch(`/recordings?${query}`, { headers: { Accept: "application/json" } });
      const [newest] = (await answer.json()).recordings;
      return newest ? this.#zone.dayOf(Date.parse(newest.started_at)) : today;
    } catch {
      return today;
    }
  }

  /** Show in the address what is looked at, so that it can be kept or sent. */
  #address(at) {
    const query = new URLSearchParams({ camera: this.camera.slug, day: this.footage.day });
    if (at !== null) query.set("at", new Date(at).toISOString());
    history.replaceState(null, "", `?${query}`);
  }

  visited(at) {
    this.#address(Math.round(at));
  }

  async refresh() {
    const { footage } = this;
    try {
      await footage?.load();
    } catch (refusal) {
      if (refusal.code !== "unreachable") error(refusal.message);
      return this.#plan();
    }
    if (footage !== this.footage) return;
    this.dispatchEvent(new Event("news"));
    this.#plan();
  }

  #plan(delay = NEWS) {
    clearTimeout(this.#timer);
    const growing = this.recording?.recording || this.footage?.parts.some(({ open }) => open);
    if (!document.hidden && this.footage?.isToday && growing) this.#timer = setTimeout(() => this.refresh(), delay);
  }

  #listed() {
    const still = this.#current;
    if (this.camera && !still) this.fromAddress();
    else if (!this.camera) this.fromAddress();
    else {
      this.camera = still;
      this.#drawChoice(still);
    }
  }

  #drawChoice(camera) {
    const { all } = this.#cameras;
    byId("no-cameras").hidden = all.length > 0;
    for (const id of ["choice", "lookback"]) byId(id).hidden = camera === null;
    if (me.is_admin && camera) {
      byId("open-settings").hidden = false;
      for (const link of [byId("open-settings"), byId("switch-on").firstElementChild]) link.href = `/devices?recording=${encodeURIComponent(camera.slug)}`;
    }
    const select = byId("camera");
    const options = all.map(({ name, slug }) => [name, slug]);
    // New options would close a list that is being read.
    if (JSON.stringify(options) !== JSON.stringify([...select.options].map(({ text, value }) => [text, value]))) {
      select.replaceChildren(...options.map(([name, value]) => new Option(name, value)));
    }
    select.value = camera?.slug ?? "";
  }
}
