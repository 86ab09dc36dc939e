// The Socket.IO connection: states in, commands out.

import { io } from "../vendor/socket.io.esm.min.js";
import { api, Refusal } from "./api.js";
import { _ } from "./i18n.js";
import { toLogin } from "./page.js";
import { error } from "./toasts.js";

const ANSWER_WITHIN = 5000;
const CLOCK_EVERY = 60_000;

/**
 * Emits "connection" (see `connected`, `stopping`), "watching" (a count); and, with what the server sent as `detail`,
 * "device_status", "device_log" and "boards_found".
 */
export class Server extends EventTarget {
  #cameras;
  #socket = io({ auth: { subscribe: false }, transports: ["websocket", "polling"], tryAllTransports: true });
  #subscribed = null;
  #clockOffset = 0;
  #looking = null;
  #again = false;
  #expected = new Set(); // error codes that whoever asked deals with

  connected = false;
  stopping = false;
  watching = null;

  constructor(cameras) {
    super();
    this.#cameras = cameras;
    const socket = this.#socket;
    socket.on("connect", () => this.#connected());
    socket.on("disconnect", (reason) => this.#disconnected(reason));
    socket.on("connect_error", () => {
      // A refusal and an outage look alike here. Asking who we are tells them apart: it leads the logged out to the form.
      api.get("me").catch(() => {});
    });
    socket.on("camera_status", (status) => cameras.applyStatus(status));
    socket.on("position_update", (position) => cameras.applyPosition(position));
    socket.on("control_state", (control) => cameras.update(control.camera, { control }));
    socket.on("recording_state", (recording) => cameras.update(recording.camera, { recording }));
    socket.on("cameras_changed", () => this.refresh());
    for (const event of ["device_status", "device_log", "boards_found"]) {
      socket.on(event, (detail) => this.dispatchEvent(new CustomEvent(event, { detail })));
    }
    socket.on("client_count", ({ count }) => this.#set({ watching: count }, "watching"));
    socket.on("server_stopping", () => this.#set({ stopping: true }, "connection"));
    socket.on("error", ({ message, error: code }) => {
      if (!this.#expected.has(code)) error(message);
    });
    setInterval(() => this.#askClock(), CLOCK_EVERY);
  }

  /** The server's clock, seconds since 1970. */
  now() {
    return Date.now() / 1000 + this.#clockOffset;
  }

  /**
   * Resolves to the server's answer. Rejects with a Refusal that has been shown to the person already, unless its code is
   * the one `expected`.
   */
  async ask(event, payload = {}, expected = null) {
    let answer;
    this.#expected.add(expected);
    try {
      answer = await this.#socket.timeout(ANSWER_WITHIN).emitWithAck(event, payload);
    } catch {
      const message = _("CamProxy does not answer. Your command may not have arrived.");
      error(message);
      throw new Refusal("no_answer", message);
    } finally {
      this.#expected.delete(expected);
    }
    if (!answer.ok) throw new Refusal(answer.error, answer.message);
    return answer;
  }

  /** As `ask`, for whoever has nothing to do with the answer. */
  tell(event, payload) {
    this.ask(event, payload).catch(() => {});
  }

  /** Receive the pose and the steering of this camera, and of no other; null for none. */
  subscribe(slug) {
    if (slug === this.#subscribed) return;
    if (this.#subscribed && this.connected) this.tell("unsubscribe", { camera: this.#subscribed });
    this.#subscribed = slug;
    if (this.connected) this.#sendSubscription();
  }

  /** One look at a time: whoever asks meanwhile gets what there is after that. */
  refresh() {
    this.#again = this.#looking !== null;
    this.#looking ??= this.#look();
    return this.#looking;
  }

  async #look() {
    try {
      let items, asked;
      do {
        this.#again = false;
        asked = performance.now();
        ({ items } = await api.get("cameras"));
      } while (this.#again);
      this.#looking = null;
      this.#cameras.replace(items, asked);
    } catch (refusal) {
      this.#looking = null;
      error(refusal.message);
    }
    if (this.connected) this.#sendSubscription();
  }

  #connected() {
    this.#set({ connected: true, stopping: false }, "connection");
    this.#askClock();
    // Whatever happened while we were away, or since this page was made, was not heard.
    this.refresh();
  }

  #disconnected(reason) {
    this.#set({ connected: false }, "connection");
    // socket.io leaves it to us when the server closed on purpose: it stops, or this log-in has ended.
    if (reason !== "io server disconnect") return;
    if (this.stopping) setTimeout(() => this.#socket.connect(), 1000);
    else toLogin();
  }

  async #sendSubscription() {
    const slug = this.#subscribed;
    if (!slug) return;
    try {
      const { status, control } = await this.ask("subscribe", { camera: slug, format: "none" });
      this.#cameras.update(slug, { status, control, statusAt: performance.now() });
    } catch (refusal) {
      if (refusal.code === "not_found" || refusal.code === "forbidden") this.#subscribed = null;
    }
  }

  async #askClock() {
    if (!this.connected) return;
    const sent = performance.now();
    try {
      const { now } = await this.#socket.timeout(ANSWER_WITHIN).emitWithAck("clock");
      const halfWay = (performance.now() - sent) / 2000;
      this.#clockOffset = now + halfWay - Date.now() / 1000;
    } catch {
      // The offset of a minute ago is good enough.
    }
  }

  #set(changes, event) {
    Object.assign(this, changes);
    this.dispatchEvent(new Event(event));
  }
}
