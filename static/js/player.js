// Plays a day's footage of one camera: which screen shows it, how fast, and what happens where there is none.

import { SEAM } from "./footage.js";
import { PartFile } from "./part_file.js";
import { PictureScreen } from "./picture_screen.js";
import { VideoScreen } from "./video_screen.js";

export const SPEEDS = [0.25, 0.5, 1, 2, 4, 8, 16];
const SCREENS = { h264: VideoScreen, mjpeg: PictureScreen };
const LOOK_EVERY = 100; // ms, while it plays

/**
 * Moments are milliseconds since 1970. Emits "time" as `position` moves, "state" when `state` or `playing` may be others,
 * "gap" (detail: {from, to}) when it has jumped over a stretch without pictures, "end" when the last one was shown.
 */
export class Player extends EventTarget {
  #elements; // by codec: <video> and <canvas>
  #footage = null;
  #files = new Map(); // part -> PartFile
  #screen = null;
  #turn = 0;
  #timer = null;
  #at = null;
  #wanted = null; // the moment that was asked for, until a screen has it in hand
  #rate = 1;

  playing = false;
  /** "empty", "loading", "shown", "unsupported" or "fault" */
  state = "empty";
  /** What went wrong, for the state "fault". */
  failure = null;

  constructor(video, canvas) {
    super();
    this.#elements = { h264: video, mjpeg: canvas };
  }

  /** Another day or another camera; nothing is shown until `show`. */
  open(footage) {
    this.#leave();
    this.#files.clear();
    this.#footage = footage;
    this.#at = this.#wanted = null;
    this.playing = false;
    this.#become("empty");
  }

  /** The moment that is looked at; null before there is any. */
  get position() {
    return this.#wanted ?? this.#screen?.position ?? this.#at;
  }

  /** The part that is looked at, or null. */
  get part() {
    return this.position === null ? null : (this.#footage.partAt(this.position) ?? this.#lastShown());
  }

  #lastShown() {
    const before = this.#footage.partBefore(this.position);
    return before && this.position - before.to <= SEAM ? before : null;
  }

  get rate() {
    return this.#rate;
  }

  set rate(rate) {
    this.#rate = rate;
    if (this.#screen) this.#screen.rate = rate;
    this.dispatchEvent(new Event("state"));
  }

  /** It plays as far as it can, and the next picture is not here yet. */
  get waiting() {
    return this.state === "loading" || Boolean(this.#screen?.waiting);
  }

  /** How large the picture is, or null. */
  get size() {
    const size = this.#screen?.size;
    return size?.width ? size : null;
  }

  /** The file of a part, so that each is asked about once. */
  file = (part) => {
    if (!this.#files.has(part)) this.#files.set(part, new PartFile(part));
    return this.#files.get(part);
  };

  /** Look at a moment; where there is no picture, at the next that there is. Resolves when a screen has it in hand. */
  async show(at) {
    const turn = (this.#turn += 1);
    const there = this.#footage.nearest(at);
    this.#wanted = there;
    if (there === null) {
      this.#leave();
      this.#at = null;
      return this.#become("empty");
    }
    const part = this.#footage.partAt(there);
    this.#at = there;
    if (!(this.#screen instanceof SCREENS[part.codec])) this.#become("loading");
    this.dispatchEvent(new Event("time"));
    try {
      const index = await this.file(part).index();
      if (turn !== this.#turn) return;
      if (part.codec === "h264" && !VideoScreen.plays(index.mime)) {
        this.#leave();
        this.#wanted = null;
        return this.#become("unsupported");
      }
      this.#use(part.codec);
      // The index knows to the millisecond how long the part is.
      this.#screen.show(Math.min(there, Math.max(part.from, part.to - 1)));
      this.#wanted = null;
      if (this.playing) this.#screen.play();
      this.#become("shown");
    } catch (failure) {
      if (turn === this.#turn) this.#failed(failure);
    }
  }

  play() {
    if (this.position === null || this.playing) return;
    this.playing = true;
    if (this.state === "fault") this.show(this.#at);
    else this.#screen?.play();
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY);
    this.dispatchEvent(new Event("state"));
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    clearInterval(this.#timer);
    this.#screen?.pause();
    this.dispatchEvent(new Event("state"));
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  async step(direction) {
    this.pause();
    const stepped = await this.#screen?.step(direction);
    if (stepped === false && this.position !== null) {
      const part = direction > 0 ? this.#footage.partAfter(this.position + 1) : this.#footage.partBefore((this.part?.from ?? this.position) - 1);
      if (part) {
        this.#tellGap(direction > 0 ? this.position : part.to, direction > 0 ? part.from : this.position);
        await this.show(direction > 0 ? part.from : part.to - 1);
      }
    }
    this.dispatchEvent(new Event("time"));
  }

  /** The picture that is seen, as a JPEG, and its moment. Null when there is none. */
  async snapshot() {
    const blob = this.size && (await this.#screen.snapshot());
    return blob ? { blob, at: this.#screen.shownAt ?? this.position } : null;
  }

  #use(codec) {
    if (this.#screen instanceof SCREENS[codec]) return;
    this.#leave();
    const element = this.#elements[codec];
    element.hidden = false;
    const screen = new SCREENS[codec](element, this.#footage, this.file);
    screen.rate = this.#rate;
    screen.addEventListener("shown", () => this.dispatchEvent(new Event("time")));
    screen.addEventListener("moved", () => this.#look());
    screen.addEventListener("fault", ({ detail }) => this.#failed(detail));
    this.#screen = screen;
  }

  #leave() {
    this.#screen?.close();
    this.#screen = null;
    for (const element of Object.values(this.#elements)) element.hidden = true;
  }

  #look() {
    if (!this.#screen || this.state !== "shown" || this.#wanted !== null) return;
    this.#at = this.#screen.position;
    this.dispatchEvent(new Event("time"));
    if (this.playing && this.#screen.ended) this.#goOn();
    else this.dispatchEvent(new Event("state"));
  }

  /** From the last picture of a run to the next run. */
  #goOn() {
    const part = this.part;
    if (part?.open) return; // more will come
    const end = part?.to ?? this.position;
    // Files overlap by some milliseconds: the next is the next in the list, whenever it begins.
    const next = part ? this.#footage.parts[this.#footage.parts.indexOf(part) + 1] : this.#footage.partAfter(end);
    if (!next) {
      this.pause();
      this.dispatchEvent(new Event("end"));
      return;
    }
    this.#tellGap(end, next.from);
    this.show(next.from);
  }

  #tellGap(from, to) {
    if (to - from > SEAM) this.dispatchEvent(new CustomEvent("gap", { detail: { from, to } }));
  }

  #failed(failure) {
    this.failure = failure;
    this.#wanted = null;
    this.pause();
    this.#become("fault");
  }

  #become(state) {
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}
