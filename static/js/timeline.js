// A day as a line: what is recorded, what is missing, what has happened. It is a slider for the keyboard and for screen
// readers; the same as a list is in timeline_list.js.

import { byId, say, setWhyNot } from "./dom.js";
import { _ } from "./i18n.js";
import { describeMoment } from "./recordings_words.js";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const NARROWEST = 30 * SECOND;
const LABEL = 72; // pixels that a time on the ruler needs
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600].map((seconds) => seconds * SECOND);
const FACTOR = 2; // of one press of a zoom button
const STILL_A_TAP = 6; // pixels

/** Emits "seek" (detail: the moment that was chosen). `preview` shows what is under the pointer. */
export class Timeline extends EventTarget {
  #root = byId("timeline");
  #ruler = byId("timeline-ruler");
  #track = byId("timeline-track");
  #spans = byId("timeline-spans");
  #head = byId("timeline-head");
  #preview;
  #footage = null;
  #from = 0; // what is seen of the day
  #to = 1;
  #position = null;
  #chosen = null; // where the keyboard or the finger is, until the player is there
  #range = null;
  #pointers = new Map(); // pointerId -> clientX
  #drag = null;
  #drawing = null;

  constructor(preview) {
    super();
    this.#preview = preview;
    const redraw = () => this.draw();
    new ResizeObserver(redraw).observe(this.#track);
    byId("zoom-in").addEventListener("click", () => this.zoom(1 / FACTOR));
    byId("zoom-out").addEventListener("click", () => this.zoom(FACTOR));
    byId("zoom-all").addEventListener("click", () => this.zoom(Infinity));
    this.#track.addEventListener("keydown", (event) => this.#key(event));
    this.#track.addEventListener("pointerdown", (event) => this.#down(event));
    this.#track.addEventListener("pointermove", (event) => this.#move(event));
    this.#track.addEventListener("pointerup", (event) => this.#up(event));
    this.#track.addEventListener("pointercancel", (event) => this.#gone(event));
    this.#track.addEventListener("pointerleave", () => this.#drag === null && this.#preview.hide());
    this.#track.addEventListener("blur", () => this.#preview.hide());
    this.#root.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.#ruler.addEventListener("pointerdown", (event) => this.#pull(event));
  }

  /** Another day or another camera: all of it is seen. */
  open(footage) {
    this.#footage = footage;
    this.#from = footage.from;
    this.#to = footage.to;
    this.#position = null;
    this.#chosen = null;
    footage.addEventListener("changed", () => footage === this.#footage && this.draw());
    this.draw();
  }

  get span() {
    return this.#to - this.#from;
  }

  /** The moment that is looked at; what is seen of the day follows it. */
  set position(at) {
    this.#position = at;
    this.#chosen = null;
    const outside = at !== null && (at < this.#from || at >= this.#to);
    if (outside && this.#drag === null) this.#see(at - this.span * 0.1, this.span);
    else this.#drawHead();
  }

  /** {from, to} that is marked, either of which may be null; or null. */
  set range(range) {
    this.#range = range;
    this.draw();
  }

  /** See less (factor below 1) or more of the day, around a moment. */
  zoom(factor, around = this.#position ?? (this.#from + this.#to) / 2) {
    const span = Math.min(Math.max(this.span * factor, NARROWEST), this.#footage.to - this.#footage.from);
    const middle = Math.min(Math.max(around, this.#from), this.#to);
    this.#see(middle - ((middle - this.#from) / this.span) * span, span);
  }

  #see(from, span) {
    this.#from = Math.min(Math.max(from, this.#footage.from), this.#footage.to - span);
    this.#to = this.#from + span;
    this.draw();
  }

  #moment(clientX) {
    const { left, width } = this.#track.getBoundingClientRect();
    const at = this.#from + (Math.min(Math.max(clientX - left, 0), width) / width) * this.span;
    return Math.min(at, this.#footage.end);
  }

  // The pointer

  #down(event) {
    if (event.button !== 0) return;
    this.#pointers.set(event.pointerId, event.clientX);
    this.#track.setPointerCapture(event.pointerId);
    // Two fingers zoom; what the first one began is not meant.
    this.#drag = this.#pointers.size === 1 ? { from: event.clientX, moved: false } : null;
    if (this.#pointers.size === 2) this.#preview.hide();
    else this.#hover(event.clientX);
  }

  #move(event) {
    if (!this.#footage) return;
    if (this.#pointers.size === 2 && this.#pointers.has(event.pointerId)) return this.#pinch(event);
    if (this.#drag) {
      this.#drag.moved ||= Math.abs(event.clientX - this.#drag.from) > STILL_A_TAP;
      if (this.#drag.moved) {
        this.#chosen = this.#moment(event.clientX);
        this.#drawHead();
      }
    }
    if (this.#drag || event.pointerType === "mouse") this.#hover(event.clientX);
  }

  #up(event) {
    const seeks = this.#drag !== null;
    this.#gone(event);
    if (seeks) this.#seek(this.#moment(event.clientX));
    if (event.pointerType !== "mouse") this.#preview.hide();
  }

  #gone(event) {
    this.#pointers.delete(event.pointerId);
    this.#drag = null;
  }

  #pinch(event) {
    const spread = () => Math.max(20, Math.abs([...this.#pointers.values()].reduce((a, b) => a - b)));
    const before = spread();
    this.#pointers.set(event.pointerId, event.clientX);
    const [a, b] = this.#pointers.values();
    this.zoom(before / spread(), this.#moment((a + b) / 2));
  }

  #hover(clientX) {
    const { left, width } = this.#track.getBoundingClientRect();
    this.#preview.show(this.#moment(clientX), (clientX - left) / width, this.span / width);
  }

  #wheel(event) {
    const { deltaX, deltaY, ctrlKey, metaKey, shiftKey } = event;
    const width = this.#track.clientWidth;
    if (ctrlKey || metaKey) this.zoom(1.2 ** Math.sign(deltaY), this.#moment(event.clientX));
    else if (deltaX || (shiftKey && deltaY)) this.#see(this.#from + ((deltaX || deltaY) / width) * this.span, this.span);
    else return; // the page scrolls
    event.preventDefault();
  }

  /** Pull the ruler: another stretch of the day comes into sight. */
  #pull(down) {
    const from = this.#from;
    const pull = ({ clientX }) => this.#see(from - ((clientX - down.clientX) / this.#track.clientWidth) * this.span, this.span);
    this.#ruler.setPointerCapture(down.pointerId);
    this.#ruler.addEventListener("pointermove", pull);
    for (const end of ["pointerup", "pointercancel"]) this.#ruler.addEventListener(end, () => this.#ruler.removeEventListener("pointermove", pull), { once: true });
  }

  // The keyboard

  #key(event) {
    if (!this.#footage || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = event.shiftKey ? SECOND : STEPS.findLast((one) => one <= Math.max(SECOND, this.span / 60)) ?? SECOND;
    const now = this.#chosen ?? this.#position ?? this.#from;
    const last = this.#footage.parts.at(-1);
    const to = {
      // Later is to the right in every language: so runs the line.
      ArrowRight: now + step,
      ArrowLeft: now - step,
      ArrowUp: now + step,
      ArrowDown: now - step,
      PageUp: now + 10 * step,
      PageDown: now - 10 * step,
      Home: this.#footage.parts[0]?.from,
      End: last && Math.max(last.from, last.to - SECOND),
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.#seek(Math.min(Math.max(to, this.#footage.from), this.#footage.end));
  }

  #seek(at) {
    this.#chosen = at;
    this.#drawHead();
    this.dispatchEvent(new CustomEvent("seek", { detail: at }));
  }

  // Drawing

  draw() {
    this.#drawing ??= requestAnimationFrame(() => {
      this.#drawing = null;
      this.#draw();
    });
  }

  #draw() {
    const footage = this.#footage;
    if (!footage || !this.#track.clientWidth) return;
    const spans = [
      ...footage.parts.map((part) => ({ ...part, kind: part.open ? "footage open" : "footage" })),
      ...footage.lost.map((part) => ({ ...part, kind: "lost" })),
      ...footage.gaps.map((gap) => ({ ...gap, kind: "gap" })),
      ...footage.parts.filter((part) => part.protected).map((part) => ({ ...part, kind: "kept" })),
      ...footage.events.map((event) => ({ ...event, kind: "event" })),
    ];
    if (this.#range && this.#range.from !== null && this.#range.to !== null) spans.push({ ...this.#range, kind: "range" });
    const elements = this.#merged(spans).map(({ kind, from, to }) => this.#place(document.createElement("i"), kind, from, to));
    if (this.#range) for (const edge of [this.#range.from, this.#range.to]) if (edge !== null) elements.push(this.#place(document.createElement("i"), "edge", edge, edge));
    if (footage.isToday) elements.push(this.#place(document.createElement("i"), "future", footage.end, footage.to));
    this.#spans.replaceChildren(...elements);
    this.#drawRuler();
    this.#drawHead();
    const whole = footage.to - footage.from;
    setWhyNot(byId("zoom-in"), this.span <= NARROWEST ? _("This is the closest look.") : null);
    for (const id of ["zoom-out", "zoom-all"]) setWhyNot(byId(id), this.span >= whole ? _("This is the whole day.") : null);
  }

  /** What would be closer together than a pixel is drawn as one. */
  #merged(spans) {
    const pixel = this.span / this.#track.clientWidth;
    const last = new Map();
    const merged = [];
    for (const { kind, from, to } of spans) {
      if (to < this.#from || from > this.#to) continue;
      const before = last.get(kind);
      if (before && from - before.to < pixel) before.to = Math.max(before.to, to);
      else {
        const span = { kind, from, to };
        last.set(kind, span);
        merged.push(span);
      }
    }
    return merged;
  }

  #place(element, kind, from, to) {
    const share = (at) => (Math.min(Math.max(at, this.#from), this.#to) - this.#from) / this.span;
    element.className = `span ${kind}`;
    element.style.left = `${share(from) * 100}%`;
    element.style.width = `${(share(to) - share(from)) * 100}%`;
    return element;
  }

  #drawRuler() {
    const { zone, from: dayStart } = this.#footage;
    const most = this.#track.clientWidth / LABEL;
    const step = STEPS.find((one) => this.span / one <= most) ?? STEPS.at(-1);
    const first = dayStart + Math.ceil((this.#from - dayStart) / step) * step;
    const labels = [];
    for (let at = first; at <= this.#to; at += step) {
      const label = document.createElement("span");
      say(label, step < MINUTE ? zone.exact(at) : zone.clock(at));
      label.style.left = `${((at - this.#from) / this.span) * 100}%`;
      labels.push(label);
    }
    this.#ruler.replaceChildren(...labels);
  }

  #drawHead() {
    const footage = this.#footage;
    const at = this.#chosen ?? this.#position;
    this.#head.hidden = at === null || !footage || at < this.#from || at > this.#to;
    if (!footage) return;
    this.#track.setAttribute("aria-valuemin", "0");
    this.#track.setAttribute("aria-valuemax", String(Math.round((footage.to - footage.from) / SECOND)));
    // Written only when it is another, at most once a second or so: a screen reader reads it out.
    const text = at === null ? _("Nothing is chosen.") : describeMoment(footage, at);
    if (this.#track.getAttribute("aria-valuetext") !== text) {
      this.#track.setAttribute("aria-valuenow", String(Math.round(((at ?? footage.from) - footage.from) / SECOND)));
      this.#track.setAttribute("aria-valuetext", text);
    }
    if (at !== null) this.#head.style.left = `${((at - this.#from) / this.span) * 100}%`;
  }
}
