// MJPEG: the camera's own JPEGs, each fetched by its place in the file and drawn when its moment comes.

import { lastBefore } from "./footage.js";
import { isAbort } from "./part_file.js";
import { Picture } from "./picture.js";

const AHEAD = 3; // seconds of watching that are fetched before they are needed
const MOST = 1_500_000; // bytes of one request
const KEPT = 48_000_000; // bytes of pictures that stay
const BEST_FPS = 20; // more pictures than that a second are not drawn, at 16-fold speed
const AT_ONCE = 4; // requests, when only some of the pictures are fetched

/** Emits "shown" with each new picture, "fault" (detail: the error), "moved" when `waiting` or `ended` may be others. */
export class PictureScreen extends EventTarget {
  static kind = "mjpeg";

  #picture;
  #footage;
  #files;
  #position = null;
  #rate = 1;
  #playing = false;
  #tick = null;
  #last = 0;
  #drawn = ""; // which picture was given to be drawn last
  #cache = new Map(); // "part:number" -> Blob; the least recently wanted come first
  #bytes = 0;
  #fetching = new Set();
  #asked = new AbortController();
  #failedAt = -Infinity;
  #closed = false;

  waiting = true;
  shownAt = null;

  /** `files(part)` -> its PartFile. */
  constructor(canvas, footage, files) {
    super();
    this.#footage = footage;
    this.#files = files;
    this.#picture = new Picture(canvas);
    this.#picture.addEventListener("drawn", ({ detail }) => {
      if (this.#closed) return;
      this.shownAt = detail.at;
      this.dispatchEvent(new Event("shown"));
    });
  }

  close() {
    this.#closed = true;
    this.pause();
    this.#asked.abort();
    cancelAnimationFrame(this.#tick);
  }

  get position() {
    return this.#position;
  }

  get size() {
    return this.#picture.size;
  }

  /** Nothing follows that this screen could show without a jump. */
  get ended() {
    const part = this.#part();
    return part === null || (this.#next(part) === null && this.#position >= this.#end(part));
  }

  set rate(rate) {
    this.#rate = rate;
  }

  play() {
    this.#playing = true;
    this.#last = performance.now();
    this.#wake();
  }

  pause() {
    this.#playing = false;
  }

  /** Show what was recorded at that moment; there must be a part. */
  show(at) {
    this.#asked.abort(); // what was wanted there is not wanted here
    this.#asked = new AbortController();
    this.#position = at;
    this.#drawn = "";
    this.#wake();
  }

  /** One frame on (1) or back (-1). Resolves to whether there was one. */
  async step(direction) {
    const part = this.#part();
    const index = part && (await this.#files(part).index());
    if (!index) return false;
    const number = this.#files(part).fragmentAt(index, (this.#position - part.from) / 1000) + direction;
    const to = number < 0 ? this.#footage.partBefore(part.from - 1) : number >= index.fragments.length ? this.#next(part) : part;
    if (!to || to.codec !== PictureScreen.kind) return false;
    const frames = to === part ? index.fragments : (await this.#files(to).index()).fragments;
    const [seconds] = to === part ? frames[number] : direction < 0 ? frames.at(-1) : frames[0];
    this.show(to.from + seconds * 1000 + 0.5);
    return true;
  }

  /** The camera's own picture, as it came. */
  async snapshot() {
    return this.#cache.get(this.#drawn) ?? null;
  }

  /** The part whose picture stands at that moment: across a seam the last one stays. */
  #part(at = this.#position) {
    const here = this.#footage.partAt(at);
    if (here) return here.codec === PictureScreen.kind ? here : null;
    const before = this.#footage.partBefore(at);
    return before?.codec === PictureScreen.kind && (before.open || this.#next(before) || at <= before.to + 1) ? before : null;
  }

  /** Up to where the last picture of a run can be looked at. Files overlap by some milliseconds. */
  #end(part) {
    if (part.open) return Infinity;
    const following = this.#footage.partAfter(part.from + 1);
    return Math.max(part.from, Math.min(part.to, following?.from ?? Infinity) - 1);
  }

  #next(part) {
    const next = this.#footage.follower(part);
    return next?.codec === PictureScreen.kind ? next : null;
  }

  #wake() {
    cancelAnimationFrame(this.#tick);
    this.#tick = requestAnimationFrame(() => this.#run());
  }

  #run() {
    if (this.#closed) return;
    const now = performance.now();
    // A tab that was hidden meanwhile goes on where it was.
    const passed = Math.min(now - this.#last, 250);
    let wanted = this.#playing ? this.#position + passed * this.#rate : this.#position;
    const here = this.#part();
    if (here && this.#next(here) === null) wanted = Math.min(wanted, Math.max(this.#end(here), this.#position));
    this.#last = now;
    const state = this.#draw(wanted);
    if (state === "drawn") this.#position = wanted;
    const waiting = state !== "drawn";
    if (waiting !== this.waiting || this.ended) {
      this.waiting = waiting;
      this.dispatchEvent(new Event("moved"));
    }
    this.#fetch();
    if (this.#playing || waiting) this.#wake();
  }

  /** Draw the picture of that moment if it is here. */
  #draw(at) {
    const part = this.#part(at);
    const index = part && this.#files(part).known;
    if (!index?.fragments.length) return "missing";
    const seconds = (at - part.from) / 1000;
    // The last picture of a growing file may stand as long as it lasted, and not longer.
    if (part.open && seconds > index.seconds) return "missing";
    const number = this.#snapped(this.#files(part).fragmentAt(index, seconds), index);
    const key = `${part.id}:${number}`;
    const blob = this.#cache.get(key);
    if (!blob) return "missing";
    if (key !== this.#drawn) {
      this.#drawn = key;
      this.#picture.offer(blob, { at: part.from + index.fragments[number][0] * 1000 });
    }
    return "drawn";
  }

  /** Only every so manieth picture is wanted when they would come too fast for an eye. */
  #stride(index) {
    if (!this.#playing || index.fragments.length < 2) return 1;
    const fps = (index.fragments.length - 1) / Math.max(index.fragments.at(-1)[0], 0.001);
    return Math.max(1, Math.round((fps * this.#rate) / BEST_FPS));
  }

  #snapped(number, index) {
    return number - (number % this.#stride(index));
  }

  /** See to the pictures from here on, each once. */
  async #fetch() {
    if (performance.now() - this.#failedAt < 1000) return;
    const { signal } = this.#asked;
    let part = this.#part();
    let from = this.#position;
    let ahead = this.#playing ? AHEAD * 1000 * Math.max(1, this.#rate) : 300;
    try {
      while (part && ahead > 0) {
        const file = this.#files(part);
        const index = await file.index();
        if (signal.aborted) return;
        this.#want(file, part, index, from, ahead, signal);
        ahead -= part.to - from;
        part = this.#next(part);
        from = part?.from;
      }
    } catch (failure) {
      this.#failed(failure);
    }
  }

  #want(file, part, index, from, ahead, signal) {
    const stride = this.#stride(index);
    const frames = index.fragments;
    if (!frames.length) return;
    const begin = this.#snapped(file.fragmentAt(index, (from - part.from) / 1000), index);
    const end = lastBefore(frames, (from + ahead - part.from) / 1000, ([at]) => at);
    const missing = [];
    for (let number = begin; number <= end; number += stride) {
      const key = `${part.id}:${number}`;
      if (!this.#cache.has(key) && !this.#fetching.has(key)) missing.push(number);
    }
    if (!missing.length || this.#fetching.size > 60) return;
    // The first soon, the rest together: they lie one behind the other in the file.
    const groups = stride > 1 ? missing.slice(0, AT_ONCE).map((number) => [number]) : together(missing, frames);
    for (const group of groups.slice(0, AT_ONCE)) this.#load(file, part, frames, group, signal);
  }

  async #load(file, part, frames, numbers, signal) {
    const keys = numbers.map((number) => `${part.id}:${number}`);
    for (const key of keys) this.#fetching.add(key);
    const [, begin] = frames[numbers[0]];
    const [, offset, length] = frames[numbers.at(-1)];
    try {
      const bytes = await file.bytes(begin, offset + length - begin, signal);
      numbers.forEach((number, at) => {
        const [, start, size] = frames[number];
        this.#keep(keys[at], new Blob([bytes.slice(start - begin, start - begin + size)], { type: "image/jpeg" }));
      });
      if (this.waiting) this.#wake();
    } catch (failure) {
      this.#failed(failure);
    } finally {
      for (const key of keys) this.#fetching.delete(key);
    }
  }

  #failed(failure) {
    if (isAbort(failure) || this.#closed) return;
    this.#failedAt = performance.now();
    this.dispatchEvent(new CustomEvent("fault", { detail: failure }));
  }

  #keep(key, blob) {
    this.#cache.set(key, blob);
    this.#bytes += blob.size;
    for (const [old, { size }] of this.#cache) {
      if (this.#bytes <= KEPT || old === this.#drawn) break;
      this.#cache.delete(old);
      this.#bytes -= size;
    }
  }
}

/** Numbers that follow each other, in requests that grow. */
function together(numbers, frames) {
  const groups = [];
  let most = 1;
  for (const number of numbers) {
    const group = groups.at(-1);
    const [, offset, length] = frames[number];
    const fits = group && group.at(-1) === number - 1 && group.length < most && offset + length - frames[group[0]][1] <= MOST;
    if (fits) group.push(number);
    else {
      most = groups.length ? 30 : 1;
      groups.push([number]);
    }
  }
  return groups;
}
