// The log of a board: what it says, and what the server has to say about it; the latest on top, as it comes.

import { api } from "./api.js";
import { byId, fromTemplate, say } from "./dom.js";
import { _, exactMoment } from "./i18n.js";

const LEVELS = ["debug", "info", "warning", "error"];
const NAMES = { debug: () => _("detail"), info: () => _("info"), warning: () => _("warning"), error: () => _("error") };
const MOST = 1000; // lines on the page
const TYPING = 300; // ms

export class DeviceLog {
  #id;
  #before = null;
  #latest = 0;
  #asked = 0;
  #typing = null;

  constructor(id, server) {
    this.#id = id;
    byId("level").addEventListener("change", () => this.#load());
    byId("search").addEventListener("input", () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => this.#load(), TYPING);
    });
    byId("older-log").addEventListener("click", () => this.#load(this.#before));
    server.addEventListener("device_log", ({ detail }) => detail.device === id && this.#comes(detail));
    server.addEventListener("connection", () => {
      if (!server.connected) return;
      server.tell("follow_device", { device: id });
      this.#load(); // what was said meanwhile
    });
    this.#load();
  }

  get #wanted() {
    return { level: byId("level").value, q: byId("search").value.trim() };
  }

  /** From the newest, or the page before a line. Of several answers only the last one asked for counts. */
  async #load(before = null) {
    const asked = ++this.#asked;
    const query = new URLSearchParams(this.#wanted);
    if (before !== null) query.set("before", before);
    try {
      const { items, before: next } = await api.get(`devices/${this.#id}/log?${query}`);
      if (asked !== this.#asked) return;
      this.#before = next;
      const lines = items.map((line) => this.#row(line));
      if (before === null) byId("log").replaceChildren(...lines);
      else byId("log").append(...lines);
      if (before === null) this.#latest = items[0]?.number ?? 0;
      this.#draw();
    } catch (refusal) {
      say(byId("no-log"), refusal.message);
      byId("no-log").hidden = false;
    }
  }

  #comes(line) {
    const { level, q } = this.#wanted;
    const fits = LEVELS.indexOf(line.level) >= LEVELS.indexOf(level) && line.message.toLowerCase().includes(q.toLowerCase());
    if (!fits || line.number <= this.#latest) return;
    this.#latest = line.number;
    const list = byId("log");
    list.prepend(this.#row(line));
    if (list.children.length > MOST) {
      list.lastElementChild.remove();
      this.#before = Number(list.lastElementChild.dataset.number);
    }
    this.#draw();
  }

  #draw() {
    const list = byId("log");
    const { level, q } = this.#wanted;
    const filtered = q || level !== "debug";
    say(byId("no-log"), filtered ? _("No line fits.") : _("It has said nothing yet."));
    byId("no-log").hidden = list.children.length > 0;
    byId("older-log").hidden = this.#before === null;
  }

  #row({ number, time, level, source, message }) {
    const row = fromTemplate("log-row");
    row.dataset.number = number;
    row.dataset.level = level;
    row.dataset.source = source;
    const when = row.querySelector("time");
    when.dateTime = time;
    say(when, exactMoment(time));
    say(row.querySelector(".log-level"), source === "server" ? _("%(level)s, server", { level: NAMES[level]() }) : NAMES[level]());
    say(row.querySelector(".log-text"), message);
    return row;
  }
}
