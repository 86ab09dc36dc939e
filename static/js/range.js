// A stretch of the day that is marked, to be saved as one video.

import { onSubmit } from "./dialogs.js";
import { byId, say } from "./dom.js";
import { _, inTime, number } from "./i18n.js";

export const TIMELAPSES = [10, 30, 60, 300, 1800]; // times as fast as it was

/** Emits "changed" when `range` is another. */
export class Range extends EventTarget {
  #form = byId("range");
  #zone;
  #footage = null;

  /** {from, to}, either of which may be null, or null when nothing is marked. Milliseconds since 1970. */
  range = null;

  /** `position()`: the moment that is looked at; `save({from, to, speed})` for a form that is whole, speed 1 or more. */
  constructor(zone, position, save) {
    super();
    this.#zone = zone;
    const speeds = this.#form.elements.speed;
    speeds.add(new Option(_("one video, as it was"), 1));
    for (const times of TIMELAPSES) speeds.add(new Option(_("time-lapse, %(times)s times as fast", { times: number(times) }), times));
    for (const edge of ["from", "to"]) {
      byId(`mark-${edge}`).addEventListener("click", () => this.mark(edge, position()));
      byId(`range-${edge}`).addEventListener("change", ({ target }) => this.#set(edge, target.value ? this.#moment(target.value) : null));
    }
    byId("range-clear").addEventListener("click", () => this.clear());
    onSubmit(this.#form, async ({ elements }) => {
      await save({ ...this.range, speed: Number(elements.speed.value) });
    });
  }

  open(footage) {
    this.#footage = footage;
    this.clear();
  }

  /** `edge` is "from" or "to". */
  mark(edge, at) {
    if (at !== null) this.#set(edge, at);
  }

  clear() {
    this.range = null;
    this.#draw();
  }

  #moment(time) {
    return this.#zone.at(this.#footage.day, time);
  }

  #set(edge, at) {
    const range = { from: null, to: null, ...this.range, [edge]: at };
    this.range = range.from === null && range.to === null ? null : range;
    this.#draw();
  }

  #draw() {
    const { from, to } = this.range ?? { from: null, to: null };
    for (const [edge, at] of [["from", from], ["to", to]]) {
      const field = byId(`range-${edge}`);
      const value = at === null ? "" : this.#zone.field(at);
      if (field.value !== value) field.value = value;
    }
    const whole = from !== null && to !== null;
    byId("range-to").setCustomValidity(whole && to <= from ? _("It must end after it has begun.") : "");
    say(byId("range-length"), whole && to > from ? _("That is %(time)s.", { time: inTime(Math.round((to - from) / 1000)) }) : "");
    this.dispatchEvent(new Event("changed"));
  }
}
