// What is asked of the camera on the screen, and why it cannot be asked just now.

import { _ } from "./i18n.js";
import { me } from "./page.js";
import { error, note } from "./toasts.js";

export const STEPS = [1, 2, 5, 10, 15, 20, 30, 45];
const AIM_EVERY = 66; // ms: 15 a second, the newest wins, the last is always sent
const WISH_LASTS = 3000;

const NOT_CONNECTED = new Set(["offline", "disabled", "connecting"]);

/** Emits "changed" when `asked` or `step` did. */
export class Steering extends EventTarget {
  #server;
  #cameras;
  #slug = null;
  #wishTimer = null;
  #nextAim = null;
  #aimTimer = null;

  asked = null; // where it was asked to point, until the device says that it does
  step = me.step ?? 10;

  constructor(server, cameras) {
    super();
    this.#server = server;
    this.#cameras = cameras;
    cameras.addEventListener("changed", ({ detail }) => {
      if (detail.slug === this.#slug) this.#arrived();
    });
  }

  get camera() {
    return this.#cameras.find(this.#slug);
  }

  show(slug) {
    this.#slug = slug;
    this.#nextAim = null;
    this.#wish(null);
  }

  /** Why nothing can be sent to the device, or null. */
  get #cutOff() {
    if (!this.#server.connected) return _("There is no connection to CamProxy.");
    if (NOT_CONNECTED.has(this.camera?.status.state)) return _("The camera is not connected.");
    return this.headIsAway;
  }

  /** The head may have a board of its own: why that cannot turn it, or null. */
  get headIsAway() {
    if (this.camera?.status.head_online !== false || NOT_CONNECTED.has(this.camera.status.state)) return null;
    return _("The board that moves the head is not connected. Check its power and its Wi-Fi.");
  }

  /** Why it cannot be moved, or null. */
  get obstacle() {
    const { holder, mine } = this.camera?.control ?? {};
    return this.#cutOff ?? (holder && !mine ? _("%(name)s is steering.", { name: holder }) : null);
  }

  /** Whether this person may turn this camera at all. */
  get possible() {
    return Boolean(this.camera?.can.control && this.camera.head);
  }

  /** up, down, left, right or center. */
  move(command) {
    if (!this.#may()) return;
    const step = this.step;
    const [dx, dy] = { up: [0, step], down: [0, -step], left: [-step, 0], right: [step, 0] }[command] ?? [0, 0];
    if (command !== "center" && this.from) this.#wish(this.#within(this.from.x + dx, this.from.y + dy));
    this.#send("servo_command", { command, step });
  }

  /** Degrees; what lies beyond the limits is brought back to them. */
  aim(x, y) {
    if (!this.#may()) return;
    this.#nextAim = this.#within(x, y);
    this.#wish(this.#nextAim);
    if (this.#aimTimer === null) this.#sendAim();
  }

  preset({ slot, x, y }) {
    if (!this.#may()) return;
    this.#wish({ x, y });
    this.#send("preset_command", { preset: slot });
  }

  light(state) {
    if (this.obstacle) error(this.obstacle);
    else this.#send("light_command", { state });
  }

  takeOver() {
    this.#server.tell("control_request", { camera: this.#slug, take_over: true });
  }

  /** To ask is to be refused for now: the one who steers is told. */
  async askFor() {
    const { holder } = this.camera.control;
    try {
      await this.#server.ask("control_request", { camera: this.#slug }, "control_held");
    } catch (refusal) {
      if (refusal.code === "control_held") note(_("%(name)s can see now that you would like to steer.", { name: holder }));
    }
  }

  release() {
    this.#server.tell("control_release", { camera: this.#slug });
  }

  /** The next larger (1) or smaller (-1) step. */
  changeStep(direction) {
    const next = direction > 0 ? STEPS.find((step) => step > this.step) : STEPS.findLast((step) => step < this.step);
    this.step = next ?? this.step;
    this.dispatchEvent(new Event("changed"));
  }

  /** Where a move starts from: where it is going already, or where it is. */
  get from() {
    return this.asked ?? this.camera?.status.pose ?? null;
  }

  #may() {
    if (!this.possible) return false;
    if (this.obstacle) error(this.obstacle);
    return !this.obstacle;
  }

  #within(x, y) {
    const { limits } = this.camera;
    const clamp = (value, [low, high]) => Math.round(Math.min(Math.max(value, low), high));
    return { x: clamp(x, limits.x), y: clamp(y, limits.y) };
  }

  #sendAim = () => {
    this.#aimTimer = null;
    if (!this.#nextAim) return;
    this.#send("position_command", this.#nextAim);
    this.#nextAim = null;
    this.#aimTimer = setTimeout(this.#sendAim, AIM_EVERY);
  };

  async #send(event, payload) {
    try {
      await this.#server.ask(event, { ...payload, camera: this.#slug });
    } catch {
      // The server's "error" event has told the person why; what is left is to take the wish back.
      this.#wish(null);
    }
  }

  #wish(pose) {
    clearTimeout(this.#wishTimer);
    this.asked = pose;
    if (pose) this.#wishTimer = setTimeout(() => this.#wish(null), WISH_LASTS);
    this.dispatchEvent(new Event("changed"));
    if (pose) this.#arrived();
  }

  #arrived() {
    const { pose } = this.camera.status;
    if (this.asked && pose && this.asked.x === pose.x && this.asked.y === pose.y) this.#wish(null);
  }
}
