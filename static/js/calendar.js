// Which day: a menu with four weeks, in which the days with recordings are marked.
// Weeks and not months: they are the same in every reader's calendar.

import { api } from "./api.js";
import { byId, say, setWhyNot, whyNot } from "./dom.js";
import { _, firstWeekday } from "./i18n.js";

const SHOWN = 28; // days

/** Emits "choose" (detail: the day, as 2026-11-21). */
export class Calendar extends EventTarget {
  #menu = byId("calendar");
  #zone;
  #now;
  #camera = null;
  #day = null;
  #last = null; // the last day that is shown
  #marked = new Set();
  #asked = 0;

  constructor(zone, now) {
    super();
    this.#zone = zone;
    this.#now = now;
    const choose = (day) => this.#choose(day);
    byId("day-before").addEventListener("click", () => choose(zone.after(this.#day, -1)));
    byId("day-after").addEventListener("click", ({ currentTarget }) => whyNot(currentTarget) ?? choose(zone.after(this.#day)));
    byId("today").addEventListener("click", () => choose(this.#today));
    byId("weeks-before").addEventListener("click", () => this.#look(zone.after(this.#last, -SHOWN)));
    byId("weeks-after").addEventListener("click", ({ currentTarget }) => whyNot(currentTarget) ?? this.#look(zone.after(this.#last, SHOWN)));
    this.#menu.addEventListener("toggle", () => {
      if (!this.#menu.open) return;
      this.#look(this.#weekEnd(this.#day));
      byId("days").querySelector("[aria-current]")?.focus();
    });
  }

  get #today() {
    return this.#zone.dayOf(this.#now());
  }

  show(camera, day) {
    this.#camera = camera;
    this.#day = day;
    say(byId("day").querySelector("span"), this.#zone.shortDay(day));
    byId("day").setAttribute("aria-label", this.#zone.dayInWords(day));
    setWhyNot(byId("day-after"), day >= this.#today ? _("That day has not come yet.") : null);
  }

  #choose(day) {
    this.#menu.open = false;
    this.dispatchEvent(new CustomEvent("choose", { detail: day }));
  }

  #weekEnd(day) {
    const weekday = new Date(`${day}T00:00:00Z`).getUTCDay() || 7; // 1 is Monday
    return this.#zone.after(day, (firstWeekday + 6 - weekday + 7) % 7);
  }

  async #look(last) {
    this.#last = last;
    this.#marked.clear();
    this.#draw();
    const asked = (this.#asked += 1);
    const zone = this.#zone;
    const query = new URLSearchParams({
      from: new Date(zone.startOf(zone.after(last, 1 - SHOWN))).toISOString(),
      to: new Date(zone.startOf(zone.after(last))).toISOString(),
    });
    try {
      const { recordings } = await api.get(`cameras/${encodeURIComponent(this.#camera.slug)}/timeline?${query}`);
      if (asked !== this.#asked) return;
      for (const [, from, to] of recordings) {
        this.#marked.add(zone.dayOf(Date.parse(from)));
        if (to) this.#marked.add(zone.dayOf(Date.parse(to) - 1));
      }
      this.#draw();
    } catch {
      // The days can be chosen without their marks.
    }
  }

  #draw() {
    const zone = this.#zone;
    const days = Array.from({ length: SHOWN }, (_day, at) => zone.after(this.#last, at - SHOWN + 1));
    say(byId("weeks"), _("%(from)s – %(to)s", { from: zone.shortDay(days[0]), to: zone.shortDay(days.at(-1)) }));
    setWhyNot(byId("weeks-after"), this.#last >= this.#today ? _("These days have not come yet.") : null);
    byId("weekdays").replaceChildren(...days.slice(0, 7).map((day) => Object.assign(document.createElement("span"), { textContent: zone.weekday(day) })));
    const list = byId("days");
    while (list.children.length < SHOWN) list.append(this.#button());
    days.forEach((day, at) => {
      const button = list.children[at];
      const marked = this.#marked.has(day);
      button.dataset.day = day;
      say(button, zone.dayNumber(day));
      button.setAttribute("aria-label", marked ? _("%(day)s, with recordings", { day: zone.dayInWords(day) }) : zone.dayInWords(day));
      button.classList.toggle("marked", marked);
      button.disabled = day > this.#today;
      if (day === this.#day) button.setAttribute("aria-current", "date");
      else button.removeAttribute("aria-current");
    });
  }

  #button() {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "button square" });
    button.addEventListener("click", () => this.#choose(button.dataset.day));
    return button;
  }
}
