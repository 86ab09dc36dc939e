// Aiming on the picture: drag to move what is seen, tap to look at a point. Touch, pen and mouse alike.

// What these cameras see from left to right, in degrees. Lenses differ; aiming corrects itself by the eye.
const VIEW_ANGLE = 60;
const STILL_A_TAP = 6; // pixels

/** `stage` holds the canvas and the <svg> trace that shows what was asked. */
export class Aim {
  #canvas;
  #trace;
  #steering;
  #start = null;

  constructor(stage, trace, steering) {
    this.#canvas = stage.querySelector(".picture");
    this.#trace = trace;
    this.#steering = steering;
    this.#canvas.addEventListener("pointerdown", (event) => this.#down(event));
    this.#canvas.addEventListener("pointermove", (event) => this.#move(event));
    this.#canvas.addEventListener("pointerup", (event) => this.#up(event));
    this.#canvas.addEventListener("pointercancel", () => (this.#start = null));
  }

  /** The part of the canvas that the picture fills, in client pixels: object-fit leaves bars. */
  #box() {
    const outer = this.#canvas.getBoundingClientRect();
    const ratio = this.#canvas.width / this.#canvas.height;
    const width = Math.min(outer.width, outer.height * ratio);
    const height = width / ratio;
    return { left: outer.left + (outer.width - width) / 2, top: outer.top + (outer.height - height) / 2, width, height };
  }

  #down(event) {
    if (!this.#steering.possible || event.button !== 0 || !event.isPrimary) return;
    this.#canvas.setPointerCapture(event.pointerId);
    this.#start = { x: event.clientX, y: event.clientY, from: this.#steering.from, dragging: false };
  }

  #move(event) {
    const start = this.#start;
    if (!start || !event.isPrimary) return;
    const dx = event.clientX - start.x;
    const dy = event.clientY - start.y;
    if (!start.dragging && Math.hypot(dx, dy) < STILL_A_TAP) return;
    start.dragging = true;
    this.#turn(start.from, -dx, -dy);
  }

  #up(event) {
    const start = this.#start;
    this.#start = null;
    if (!start || start.dragging) return;
    const box = this.#box();
    this.#turn(start.from, event.clientX - (box.left + box.width / 2), event.clientY - (box.top + box.height / 2));
  }

  /** Turn from a pose by so many pixels of the picture to the right and down. */
  #turn(from, right, down) {
    const degreesPerPixel = VIEW_ANGLE / this.#box().width;
    const { x, y } = from ?? { x: 90, y: 90 };
    this.#steering.aim(x + right * degreesPerPixel, y - down * degreesPerPixel);
  }

  /** The trace: a ring where the asked direction lies in the picture as it is now. */
  draw() {
    const { asked, camera } = this.#steering;
    const pose = camera?.status.pose;
    this.#trace.toggleAttribute("hidden", !asked || !pose);
    if (!asked || !pose) return;
    const stage = this.#trace.getBoundingClientRect();
    const box = this.#box();
    const pixelsPerDegree = box.width / VIEW_ANGLE;
    const centre = { x: box.left + box.width / 2 - stage.left, y: box.top + box.height / 2 - stage.top };
    const clamp = (value, size) => Math.min(Math.max(value, -size / 2 + 12), size / 2 - 12);
    const x = centre.x + clamp((asked.x - pose.x) * pixelsPerDegree, box.width);
    const y = centre.y + clamp((pose.y - asked.y) * pixelsPerDegree, box.height);
    const [line, ring] = this.#trace.children;
    for (const [name, value] of Object.entries({ x1: centre.x, y1: centre.y, x2: x, y2: y })) line.setAttribute(name, value);
    ring.setAttribute("cx", x);
    ring.setAttribute("cy", y);
  }
}
