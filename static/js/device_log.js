// The log of a board: what it says, and what the server has to say about it; the latest on top, as it comes.

import { api } from "./api.js";
import { byId, fromTemplate, say } from "./dom.js";
import { _, exactMoment } from "./i18n.js";

const LEVELS = ["debug", "info", "warning", "error"];
const NAMES = { debug: () => _("detail"), info: () => _("info"), warning: () => _("warning"), error: () => _("error") };
const MOST = 1000; // lines that came live
const PAGE = 100;
const TYPING = 300; // ms

export class DeviceLog {
  #id;
  #list = byId("log");
  #before = null; // the page after begins before this line
  #latest = 0;
  #held = null; // lines that come while an answer is awaited
  #work = Promise.resolve(); // one look at a time
  #typing = null;

  constructor(id, server) {
    this.#id = id;
    byId("level").addEventListener("change", () => this.#look(() => this.#anew()));
    byId("search").addEventListener("input", () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => this.#look(() => this.#anew()), TYPING);
    });
    byId("older-log").addEventListener("click", () => this.#look(() => this.#older()));
    server.addEventListener("device_log", ({ detail }) => detail.device === id && this.#comes(detail));
    server.addEventListener("connection", () => {
      if (server.connected) this.#follow(server);
    });
    this.#look(() => this.#anew());
  }

  /** What is said from then on comes by itself; what was said until then is in the log. */
  async #follow(server) {
    try {
      await server.ask("follow_device", { device: this.#id });
    } catch {
      return; // the person was told; the next connection tries again
    }
    this.#look(() => this.#catchUp());
  }

  #look(job) {
    this.#work = this.#work.then(async () => {
      this.#held = [];
      try {
        await job();
        this.#draw();
      } catch (refusal) {
        say(byId("no-log"), refusal.message);
        byId("no-log").hidden = false;
      }
      const held = this.#held;
      this.#held = null;
      for (const line of held) this.#comes(line);
    });
  }

  get #wanted() {
    return { level: byId("level").value, q: byId("search").value.trim() };
  }

  #page(before = null) {
    return api.get(`devices/${this.#id}/log?${new URLSearchParams({ ...this.#wanted, limit: PAGE, ...(before && { before }) })}`);
  }

  async #anew() {
    const { items, before } = await this.#page();
    this.#list.replaceChildren(...items.map(row));
    this.#before = before;
    this.#latest = items[0]?.number ?? 0;
  }

  async #older() {
    const { items, before } = await this.#page(this.#before);
    this.#list.append(...items.map(row));
    this.#before = before;
  }

  async #catchUp() {
    const { items } = await this.#page();
    if (items.length === PAGE && items.at(-1).number > this.#latest) await this.#anew();
    else for (const line of items.reverse()) this.#show(line);
  }

  #comes(line) {
    if (this.#held) this.#held.push(line);
    else this.#show(line);
  }

  #show(line) {
    const { level, q } = this.#wanted;
    const fits = LEVELS.indexOf(line.level) >= LEVELS.indexOf(level) && line.message.toLowerCase().includes(q.toLowerCase());
    if (!fits || line.number <= this.#latest) return;
    this.#latest = line.number;
    this.#list.prepend(row(line));
    if (this.#list.children.length > MOST) {
      this.#list.lastElementChild.remove();
      this.#before = Number(this.#list.lastElementChild.dataset.number);
    }
    this.#draw();
  }

  #draw() {
    const { level, q } = this.#wanted;
    say(byId("no-log"), q || level !== "debug" ? _("No line fits.") : _("It has said nothing yet."));
    byId("no-log").hidden = this.#list.children.length > 0;
    byId("older-log").hidden = this.#before === null;
  }
}

function row({ number, time, level, source, message }) {
  const element = fromTemplate("log-row");
  Object.assign(element.dataset, { number, level, source });
  const when = element.querySelector("time");
  when.dateTime = time;
  say(when, exactMoment(time));
  say(element.querySelector(".log-level"), source === "server" ? _("%(level)s, server", { level: NAMES[level]() }) : NAMES[level]());
  say(element.querySelector(".log-text"), message);
  return element;
}
