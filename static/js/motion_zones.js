// Zones on a picture: polygons whose corners are dragged, or moved with the keys. Points are in 0…1 of the picture.

import { fromTemplate, say } from "./dom.js";
import { _, number } from "./i18n.js";

const FEWEST = 3;
const MOST_CORNERS = 40;
const MOST_ZONES = 20;
const KEY_STEP = 0.01; // with Shift ten times that
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const SVG = "http://www.w3.org/2000/svg";

const within = (value) => Math.round(Math.min(Math.max(value, 0), 1) * 1000) / 1000;
const middle = ([ax, ay], [bx, by]) => [within((ax + bx) / 2), within((ay + by) / 2)];

/** Emits "changed" when there are other zones than before, not while one takes another shape. */
export class MotionZones extends EventTarget {
  #shapes;
  #corners;
  #list;
  #zones = [];

  constructor(shapes, corners, list) {
    super();
    this.#shapes = shapes;
    this.#corners = corners;
    this.#list = list;
  }

  get zones() {
    return this.#zones.map(({ kind, points }) => ({ kind, points }));
  }

  set zones(zones) {
    this.#zones = structuredClone(zones);
    this.#draw();
  }

  get full() {
    return this.#zones.length >= MOST_ZONES;
  }

  /** A new one in the middle; each a little further down, so that it does not hide the one before. */
  add(kind) {
    if (this.full) return;
    const shift = (this.#zones.length % 5) * 0.04;
    const [low, high] = [0.3 + shift, 0.55 + shift];
    this.#zones.push({ kind, points: [[low, low], [high, low], [high, high], [low, high]] });
    this.#draw();
    this.#corner(this.#zones.length - 1, 0)?.focus();
  }

  #remove(zone) {
    this.#zones.splice(zone, 1);
    this.#draw();
  }

  /** A corner more, half way to the next one; without `after`, on each edge. */
  #split(zone, after = null) {
    const { points } = this.#zones[zone];
    const next = (at) => points[(at + 1) % points.length];
    const split = points.flatMap((point, at) => (after === null || at === after ? [point, middle(point, next(at))] : [point]));
    if (split.length > MOST_CORNERS) return;
    this.#zones[zone].points = split;
    this.#draw();
    this.#corner(zone, after === null ? 0 : after + 1)?.focus();
  }

  #removeCorner(zone, at) {
    const { points } = this.#zones[zone];
    if (points.length <= FEWEST) return;
    points.splice(at, 1);
    this.#draw();
    this.#corner(zone, Math.min(at, points.length - 1))?.focus();
  }

  #corner(zone, at) {
    return this.#corners.querySelector(`[data-zone="${zone}"][data-at="${at}"]`);
  }

  #move(zone, at, x, y) {
    this.#zones[zone].points[at] = [within(x), within(y)];
    this.#place(this.#corner(zone, at));
    this.#shape(this.#shapes.children[zone], zone);
  }

  #draw() {
    this.#shapes.replaceChildren(...this.#zones.map(({ kind }, zone) => {
      const polygon = document.createElementNS(SVG, "polygon");
      polygon.setAttribute("class", kind);
      this.#shape(polygon, zone);
      return polygon;
    }));
    this.#corners.replaceChildren(...this.#zones.flatMap(({ points }, zone) => points.map((_point, at) => this.#newCorner(zone, at))));
    this.#list.replaceChildren(...this.#zones.map((_zone, zone) => this.#newRow(zone)));
    this.dispatchEvent(new Event("changed"));
  }

  #shape(polygon, zone) {
    polygon.setAttribute("points", this.#zones[zone].points.map((point) => point.join(",")).join(" "));
  }

  #newRow(zone) {
    const row = fromTemplate("zone-row");
    const { kind } = this.#zones[zone];
    row.dataset.kind = kind;
    const words = kind === "include" ? _("%(number)s: motion counts", { number: number(zone + 1) }) : _("%(number)s: motion does not count", { number: number(zone + 1) });
    say(row.firstElementChild, words);
    const [more, remove] = row.querySelectorAll("button");
    for (const button of [more, remove]) button.setAttribute("aria-label", `${button.textContent} (${words})`);
    more.addEventListener("click", () => this.#split(zone));
    remove.addEventListener("click", () => this.#remove(zone));
    return row;
  }

  #newCorner(zone, at) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = `corner ${this.#zones[zone].kind}`;
    Object.assign(button.dataset, { zone, at });
    this.#place(button);
    button.addEventListener("keydown", (event) => this.#onKey(event, zone, at));
    button.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      button.focus();
      button.setPointerCapture(event.pointerId);
    });
    button.addEventListener("pointermove", (event) => {
      if (!button.hasPointerCapture(event.pointerId)) return;
      const box = this.#corners.getBoundingClientRect();
      this.#move(zone, at, (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
    });
    return button;
  }

  #place(button) {
    const { zone, at } = button.dataset;
    const [x, y] = this.#zones[zone].points[at];
    button.style.left = `${100 * x}%`;
    button.style.top = `${100 * y}%`;
    const where = { zone: number(Number(zone) + 1), corner: number(Number(at) + 1), x: number(100 * x), y: number(100 * y) };
    button.setAttribute("aria-label", _("Zone %(zone)s, corner %(corner)s: %(x)s from the left, %(y)s from the top, of 100", where));
  }

  #onKey(event, zone, at) {
    const step = event.shiftKey ? 10 * KEY_STEP : KEY_STEP;
    if (event.key in ARROWS) {
      const [dx, dy] = ARROWS[event.key];
      const [x, y] = this.#zones[zone].points[at];
      this.#move(zone, at, x + dx * step, y + dy * step);
    } else if (event.key === "Delete") this.#removeCorner(zone, at);
    else if (event.key === "Insert") this.#split(zone, at);
    else return;
    event.preventDefault();
  }
}
