// The configuration of a board: a form, and what became of what was asked.

import { api } from "./api.js";
import { onSubmit } from "./dialogs.js";
import { byId, say } from "./dom.js";
import { _, moment } from "./i18n.js";

const LOOK_AGAIN = 1500; // ms, while a board is here that has not answered yet

export class DeviceConfig {
  #id;
  #form = byId("config");
  #known; // as the server answered last
  #defaults;
  #online = null;
  #touched = false;
  #timer = null;

  constructor(id, known, defaults) {
    this.#id = id;
    this.#known = known;
    this.#defaults = defaults;
    this.#form.addEventListener("input", () => (this.#touched = true));
    onSubmit(this.#form, async () => {
      this.#known = await api.put(`devices/${id}/config`, this.#chosen());
      this.#touched = false;
      this.#draw();
    });
  }

  /** Told at each news of the board: it may have taken something. */
  isOnline(online) {
    const changed = online !== this.#online;
    this.#online = online;
    if (changed) this.#draw();
  }

  #draw() {
    const { config, pending, state, at, detail } = this.#known;
    const place = byId("config-state");
    place.dataset.state = state;
    say(place, this.#inWords(state, at && moment(at), detail));
    if (!this.#touched) this.#fill({ ...this.#defaults, ...config, ...pending });
    clearTimeout(this.#timer);
    if (state === "pending") this.#timer = setTimeout(() => this.#look(), LOOK_AGAIN);
  }

  #inWords(state, time, detail) {
    switch (state) {
      case "pending":
        return this.#online ? _("Being delivered since %(time)s …", { time }) : _("Waiting since %(time)s. The board gets it when it comes next.", { time });
      case "delivered":
        return _("The board has taken this, %(time)s.", { time });
      case "refused":
        return detail ? _("The board refused it, %(time)s: %(why)s", { time, why: detail }) : _("The board refused it, %(time)s.", { time });
      case "expired":
        return _("The board did not come for a week, so what was asked was given up, %(time)s.", { time });
      default:
        return _("It runs with its own settings. What you save here is given to it at once, or when it comes next.");
    }
  }

  async #look() {
    if (!document.hidden) {
      try {
        this.#known = await api.get(`devices/${this.#id}/config`);
      } catch {
        // The next look may have more luck; that there is no connection is said elsewhere.
      }
    }
    this.#draw();
  }

  #fill(values) {
    for (const [name, value] of Object.entries(values)) {
      const field = this.#form.elements[name];
      if (!field) continue;
      if (field.type === "checkbox") field.checked = value;
      else field.value = value;
    }
  }

  #chosen() {
    const value = (field) => (field.type === "checkbox" ? field.checked : field.type === "number" ? field.valueAsNumber : field.value);
    const fields = [...this.#form.elements].filter(({ name }) => name);
    return Object.fromEntries(fields.map((field) => [field.name, value(field)]));
  }
}
