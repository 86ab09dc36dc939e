// How a board came and went.

import { api } from "./api.js";
import { wentInWords } from "./board_words.js";
import { byId, fromTemplate, say } from "./dom.js";
import { _, exactMoment } from "./i18n.js";
import { error } from "./toasts.js";

const EVENTS = {
  device_online: (detail) => (detail ? _("It came, from %(address)s", { address: detail }) : _("It came")),
  device_offline: (detail) => (detail === "asleep" ? _("It went to sleep") : [_("It went"), wentInWords(detail)].filter(Boolean).join(": ")),
  device_restless: () => _("It comes and goes all the time; each time is no longer listed until it stays"),
  config_delivered: () => _("It took its configuration"),
  update_downloading: (detail) => _("It fetches the firmware %(version)s", { version: detail }),
  update_installed: (detail) => _("It has kept the firmware %(version)s", { version: detail }),
  update_failed: (detail) => _("It has not taken the firmware %(detail)s", { detail }),
  update_rolled_back: (detail) => _("The firmware %(version)s did not prove itself, the one before is back", { version: detail }),
  config_refused: (detail) => _("It refused its configuration: %(why)s", { why: detail || "–" }),
};
// The server writes them down in its own time, which is soon, and later while it is busy. Milliseconds.
const WRITTEN_AFTER = [500, 2500, 10_000];

export class DeviceEvents {
  #id;
  #before = null;
  #newest = null; // its number

  constructor(id) {
    this.#id = id;
    byId("older-events").addEventListener("click", () => this.#load(this.#before));
    this.#load();
  }

  refresh() {
    for (const pause of WRITTEN_AFTER) setTimeout(() => this.#load(), pause);
  }

  async #load(before = null) {
    const query = new URLSearchParams({ device: this.#id, ...(before !== null && { before }) });
    try {
      const { items, before: next } = await api.get(`events?${query}`);
      // Written anew only when there is another: somebody may be reading, or look at older ones.
      if (before === null && items.length && items[0].id === this.#newest) return;
      if (before === null) this.#newest = items[0]?.id ?? null;
      this.#before = next;
      const rows = items.map(row);
      if (before === null) byId("events").replaceChildren(...rows);
      else byId("events").append(...rows);
    } catch (refusal) {
      error(refusal.message);
    }
    byId("no-events").hidden = byId("events").children.length > 0;
    byId("older-events").hidden = this.#before === null;
  }
}

function row(event) {
  const element = fromTemplate("event-row");
  say(element.firstElementChild, EVENTS[event.kind]?.(event.detail) ?? event.kind);
  element.lastElementChild.dateTime = event.at;
  say(element.lastElementChild, exactMoment(event.at));
  return element;
}
