// What is being saved as one video, and what was: progress, cancel, download, remove.

import { api } from "./api.js";
import { byId, fromTemplate, say } from "./dom.js";
import { _, inBytes, inPercent, inTime } from "./i18n.js";
import { error } from "./toasts.js";

const LOOK_EVERY = 1000; // ms, while something is being made

const BUSY = new Set(["queued", "running"]);

const STATES = {
  queued: () => _("Waiting for its turn"),
  running: ({ progress }) => _("Being made: %(share)s", { share: inPercent(progress) }),
  done: ({ bytes, expires_at: until }, zone) => (until ? _("Ready, %(size)s. It stays until %(time)s.", { size: inBytes(bytes), time: zone.whole(Date.parse(until)) }) : _("Ready, %(size)s", { size: inBytes(bytes) })),
  failed: ({ error: why }) => (why ? _("It failed: %(why)s", { why }) : _("It failed.")),
  cancelled: () => _("Cancelled"),
};

export class Exports {
  #camera = null;
  #zone;
  #items = [];
  #rows = new Map(); // id -> element
  #timer = null;

  constructor(zone) {
    this.#zone = zone;
    document.addEventListener("visibilitychange", () => !document.hidden && this.#busy && this.refresh());
  }

  get #busy() {
    return this.#items.some(({ state }) => BUSY.has(state));
  }

  async open(camera) {
    this.#camera = camera;
    await this.refresh();
  }

  async refresh() {
    clearTimeout(this.#timer);
    try {
      this.#items = (await api.get("exports")).exports;
      byId("saving").hidden = false;
      this.#draw();
    } catch (refusal) {
      if (refusal.code === "not_found") byId("saving").hidden = true; // a server that cannot do it
      else if (!this.#busy) error(refusal.message);
    }
    if (this.#busy && !document.hidden) this.#timer = setTimeout(() => this.refresh(), LOOK_EVERY);
  }

  /** `speed` 1 makes a video as it was, more a time-lapse. Raises Refusal. */
  async save({ from, to, speed }) {
    const body = { camera: this.#camera.id, from: new Date(from).toISOString(), to: new Date(to).toISOString() };
    await api.post("exports", speed > 1 ? { ...body, kind: "timelapse", speed } : { ...body, kind: "video" });
    await this.refresh();
  }

  #draw() {
    const items = this.#items.filter(({ camera }) => camera === this.#camera.id);
    const wanted = new Set(items.map(({ id }) => id));
    for (const [id, row] of this.#rows) {
      if (wanted.has(id)) continue;
      row.remove();
      this.#rows.delete(id);
    }
    items.forEach((item, at) => {
      if (!this.#rows.has(item.id)) this.#rows.set(item.id, this.#row(item));
      const row = this.#rows.get(item.id);
      if (byId("exports").children[at] !== row) byId("exports").insertBefore(row, byId("exports").children[at] ?? null);
      this.#fill(row, item);
    });
  }

  #row({ id }) {
    const row = fromTemplate("export-row");
    row.querySelector("[data-act=remove]").addEventListener("click", () => this.#remove(id));
    return row;
  }

  #fill(row, item) {
    const [from, to] = [Date.parse(item.from), Date.parse(item.to)];
    say(row.querySelector("strong"), _("%(from)s – %(to)s", { from: this.#zone.whole(from), to: this.#zone.exact(to) }));
    say(row.querySelector(".muted"), item.kind === "timelapse" ? _("time-lapse") : inTime(Math.round((to - from) / 1000)));
    const busy = BUSY.has(item.state);
    const bar = row.querySelector("progress");
    bar.hidden = !busy;
    bar.value = item.progress;
    bar.setAttribute("aria-label", _("Progress"));
    row.dataset.state = item.state;
    say(row.querySelector(".export-state"), (STATES[item.state] ?? STATES.queued)(item, this.#zone));
    const missing = (item.missing ?? []).reduce((sum, [begin, end]) => sum + Date.parse(end) - Date.parse(begin), 0);
    row.querySelector(".export-missing").hidden = !missing;
    say(row.querySelector(".export-missing"), missing ? _("%(time)s of it could not be read.", { time: inTime(Math.round(missing / 1000)) }) : "");
    const download = row.querySelector("[data-act=download]");
    download.hidden = item.state !== "done";
    download.href = `/exports/${encodeURIComponent(item.id)}/file`;
    say(row.querySelector("[data-act=remove]"), busy ? _("Cancel") : _("Remove"));
  }

  async #remove(id) {
    try {
      await api.delete(`exports/${encodeURIComponent(id)}`);
    } catch (refusal) {
      if (refusal.code !== "not_found") error(refusal.message);
    }
    this.refresh();
  }
}
