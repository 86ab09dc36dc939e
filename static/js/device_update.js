// The firmware of a board: what it runs, what it is to have, how far that is.

import { api } from "./api.js";
import { byId, say } from "./dom.js";
import { _, inBytes, inPercent, moment } from "./i18n.js";
import { error } from "./toasts.js";

const LOOK_AGAIN = 1500; // ms, while something is under way
const ACTIVE = ["pending", "offered", "downloading", "trying"];
/** Why the server gave up; what is not listed are the board's own words. */
const REASONS = {
  silent: () => _("it was not heard of again"),
  broke_off: () => _("it came back without it again and again"),
  expired: () => _("it did not come for a week"),
};

function inWords({ state, version, since, detail, got, size }, online) {
  const words = { version, time: moment(since), why: REASONS[detail]?.() ?? detail };
  switch (state) {
    case "pending":
      return online ? _("%(version)s waits for its turn, since %(time)s.", words) : _("%(version)s waits since %(time)s. The board gets it when it comes next.", words);
    case "offered":
      return _("The board is about to fetch %(version)s.", words);
    case "downloading":
      return _("It fetches %(version)s: %(share)s of %(size)s.", { ...words, share: inPercent(got / size), size: inBytes(size) });
    case "trying":
      return _("It has %(version)s, checks it, and tries it. After half a minute of a good connection it keeps it.", words);
    case "installed":
      return _("It has kept %(version)s, %(time)s.", words);
    case "rolled_back":
      return _("%(version)s did not prove itself: the firmware before is back, %(time)s.", words);
    default:
      return _("It has not taken %(version)s, %(time)s: %(why)s", words);
  }
}

export class DeviceUpdate {
  #id;
  #known;
  #online = null;
  #timer = null;
  #changed;

  /** `changed` is called when it has come to an end. */
  constructor(id, known, firmware, changed) {
    this.#id = id;
    this.#known = known;
    this.#changed = changed;
    const choice = byId("update-firmware");
    if (choice) {
      choice.replaceChildren(...firmware.map(({ id: value, version }) => new Option(version, value)));
      byId("update").hidden = firmware.length === 0;
      byId("no-firmware").hidden = firmware.length > 0;
      byId("update").addEventListener("submit", (event) => {
        event.preventDefault();
        this.#ask(() => api.put(`devices/${id}/update`, { firmware: Number(choice.value) }));
      });
      byId("withdraw").addEventListener("click", () => this.#ask(() => api.delete(`devices/${id}/update`)));
    }
  }

  /** Told at each news of the board. */
  isOnline(online) {
    if (online === this.#online) return;
    this.#online = online;
    this.#draw();
  }

  async #ask(action) {
    try {
      await action();
    } catch (refusal) {
      error(refusal.message);
    }
    this.#look();
  }

  #draw() {
    const update = this.#known;
    const active = ACTIVE.includes(update?.state);
    byId("update-state").dataset.state = update?.state ?? "";
    say(byId("update-state"), update ? inWords(update, this.#online) : _("It has not been updated from here."));
    const bar = byId("update-progress");
    bar.hidden = update?.state !== "downloading";
    bar.value = update?.size ? update.got / update.size : 0;
    if (byId("withdraw")) byId("withdraw").hidden = update?.state !== "pending";
    clearTimeout(this.#timer);
    if (active) this.#timer = setTimeout(() => this.#look(), LOOK_AGAIN);
  }

  async #look() {
    if (!document.hidden) {
      try {
        const before = this.#known;
        this.#known = (await api.get(`devices/${this.#id}/update`)).update;
        if (ACTIVE.includes(before?.state) && !ACTIVE.includes(this.#known?.state)) this.#changed();
      } catch {
        // The next look may have more luck; that there is no connection is said elsewhere.
      }
    }
    this.#draw();
  }
}
