// H.264: fragments of the files into one <video> by Media Source Extensions. The whole day is one stretch of media
// time, and each file stands at its place in it (timestampOffset), so that going from one to the next is no event.

import { SEAM } from "./footage.js";
import { isAbort } from "./part_file.js";

const Source = globalThis.ManagedMediaSource ?? globalThis.MediaSource; // the former on an iPhone
const AHEAD = 12; // seconds of watching that are fetched before they are needed
const BEHIND = 20; // seconds of media that stay for whoever steps back
const MOST = 2_000_000; // bytes of one request
const TOUCHING = 0.02; // seconds
const LOOK_AGAIN = 500; // ms

/** Emits "shown" with each new picture, "fault" (detail: the error), "moved" when `waiting` or `ended` may be others. */
export class VideoScreen extends EventTarget {
  static kind = "h264";

  #video;
  #footage;
  #files;
  #origin;
  #source = new Source();
  #buffer = null;
  #opened;
  #turn = 0; // each jump makes what was asked before it void
  #asked = new AbortController();
  #cursor = null; // {part, fragment} to be fetched next
  #loaded = null; // the part whose head the buffer has
  #feeding = false;
  #hungry = true; // whether the last look found more to fetch
  #batch = 1; // fragments in one request
  #timer;
  #closed = false;
  #shownAt = null; // media time of the picture that is seen

  /** `files(part)` -> its PartFile. */
  constructor(video, footage, files) {
    super();
    this.#video = video;
    this.#footage = footage;
    this.#files = files;
    this.#origin = Math.min(footage.from, footage.parts[0]?.from ?? footage.from);
    video.disableRemotePlayback = true; // what a ManagedMediaSource asks for
    this.#opened = new Promise((resolve) => this.#source.addEventListener("sourceopen", resolve, { once: true }));
    video.src = URL.createObjectURL(this.#source);
    for (const event of ["waiting", "playing", "seeked", "timeupdate"]) video.addEventListener(event, this.#look);
    video.addEventListener("error", this.#broken);
    this.#watch();
    this.#timer = setInterval(this.#look, LOOK_AGAIN);
  }

  /** Whether this browser can play a file of this type. */
  static plays(mime) {
    return Boolean(Source?.isTypeSupported(mime));
  }

  close() {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#turn += 1;
    this.#asked.abort();
    for (const event of ["waiting", "playing", "seeked", "timeupdate"]) this.#video.removeEventListener(event, this.#look);
    this.#video.removeEventListener("error", this.#broken);
    this.#video.pause();
    URL.revokeObjectURL(this.#video.src);
    this.#video.removeAttribute("src");
    this.#video.load();
  }

  #media(at) {
    return (at - this.#origin) / 1000;
  }

  get position() {
    // A <video> may stand a microsecond before where it was sent.
    return Math.round(this.#origin + this.#video.currentTime * 1000);
  }

  /** The moment of the picture that is seen; null before the first. */
  get shownAt() {
    return this.#shownAt === null ? null : this.#origin + this.#shownAt * 1000;
  }

  get size() {
    return { width: this.#video.videoWidth, height: this.#video.videoHeight };
  }

  /** It has no picture for now, and there will be one. */
  get waiting() {
    return (this.#video.seeking || this.#video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA) && !this.ended;
  }

  /** Nothing follows that this screen could show without a jump. */
  get ended() {
    if (this.#feeding || this.#hungry || this.#video.seeking) return false;
    const end = this.#bufferedEnd();
    return end === null || (end - this.#video.currentTime < 0.3 && this.#video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA) || end - this.#video.currentTime < TOUCHING;
  }

  set rate(rate) {
    this.#video.defaultPlaybackRate = rate;
    this.#video.playbackRate = rate;
  }

  play() {
    // It may be told to pause again before it has begun, which is no fault.
    this.#video.play().catch(() => {});
  }

  pause() {
    this.#video.pause();
  }

  /** Show what was recorded at that moment; there must be a part. */
  show(at) {
    const time = this.#media(at);
    const here = this.#rangeAt(time);
    this.#hungry = true;
    if (here === null) {
      this.#turn += 1;
      this.#asked.abort();
      this.#asked = new AbortController();
      this.#cursor = { part: this.#footage.partAt(at), at };
      this.#batch = 1; // the first picture soon, the rest in larger pieces
    }
    this.#video.currentTime = time;
    this.#feed();
  }

  /** One frame on (1) or back (-1). Resolves to whether there was one. */
  async step(direction) {
    const from = this.#shownAt ?? this.#video.currentTime;
    // Back: the last picture that was there before this one. On: small steps, for it is not known when the next begins.
    for (let tried = 1; tried <= 25; tried += 1) {
      const time = direction < 0 ? from - tried * tried * 0.002 : from + tried * 0.04;
      if (this.#rangeAt(time) === null && !this.#footage.partAt(this.#origin + time * 1000)) return false;
      this.show(this.#origin + time * 1000);
      await this.#seeked();
      if (this.#shownAt !== null && Math.abs(this.#shownAt - from) > 0.0005) return true;
    }
    return false;
  }

  #seeked() {
    return new Promise((resolve) => {
      const done = () => requestAnimationFrame(() => resolve());
      if (!this.#video.requestVideoFrameCallback) return this.#video.addEventListener("seeked", done, { once: true });
      let over = false;
      const once = () => over || ((over = true), done());
      this.#video.requestVideoFrameCallback(once);
      // The same picture again is no new frame.
      this.#video.addEventListener("seeked", () => setTimeout(once, 60), { once: true });
    });
  }

  snapshot() {
    const canvas = document.createElement("canvas");
    Object.assign(canvas, this.size);
    canvas.getContext("2d").drawImage(this.#video, 0, 0);
    return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
  }

  #watch() {
    if (!this.#video.requestVideoFrameCallback) {
      this.#video.addEventListener("timeupdate", () => this.#shown(this.#video.currentTime));
      return;
    }
    const next = (_now, { mediaTime }) => {
      if (!this.#video.src) return;
      this.#shown(mediaTime);
      this.#video.requestVideoFrameCallback(next);
    };
    this.#video.requestVideoFrameCallback(next);
  }

  #shown(time) {
    this.#shownAt = time;
    this.dispatchEvent(new Event("shown"));
  }

  #broken = () => {
    if (this.#video.error && this.#video.src) this.dispatchEvent(new CustomEvent("fault", { detail: this.#video.error }));
  };

  #look = () => {
    this.#crossSeam();
    this.#feed();
    this.dispatchEvent(new Event("moved"));
  };

  /** Where two files do not quite touch, a player would stand still. */
  #crossSeam() {
    const { currentTime, buffered, paused } = this.#video;
    if (paused) return;
    const end = this.#bufferedEnd();
    if (end === null || end - currentTime > 0.25) return;
    for (let at = 0; at < buffered.length; at += 1) {
      const start = buffered.start(at);
      if (start > currentTime && (start - end) * 1000 <= SEAM && start >= end) {
        this.#video.currentTime = start + 0.001;
        return;
      }
    }
  }

  #rangeAt(time) {
    const { buffered } = this.#video;
    for (let at = 0; at < buffered.length; at += 1) {
      if (buffered.start(at) - TOUCHING <= time && time < buffered.end(at) - TOUCHING) return at;
    }
    return null;
  }

  #bufferedEnd() {
    const { buffered, currentTime } = this.#video;
    for (let at = 0; at < buffered.length; at += 1) {
      if (buffered.start(at) - TOUCHING <= currentTime && currentTime <= buffered.end(at) + TOUCHING) return buffered.end(at);
    }
    return null;
  }

  /** Whether what is there will not last. Across a seam the next range counts too. */
  #needsMore() {
    const { buffered, currentTime, playbackRate } = this.#video;
    let end = null;
    for (let at = 0; at < buffered.length; at += 1) {
      const joins = end !== null && (buffered.start(at) - end) * 1000 <= SEAM;
      if (joins || (buffered.start(at) - TOUCHING <= currentTime && currentTime <= buffered.end(at) + TOUCHING)) end = buffered.end(at);
    }
    return end === null || end - currentTime < AHEAD * Math.max(1, playbackRate);
  }

  async #feed() {
    if (this.#feeding) return;
    this.#feeding = true;
    let aborted = false;
    try {
      await this.#opened;
      while (this.#cursor && this.#needsMore()) {
        this.#hungry = await this.#append();
        if (!this.#hungry) break;
      }
    } catch (failure) {
      if (!isAbort(failure)) this.dispatchEvent(new CustomEvent("fault", { detail: failure }));
      else if (!this.#closed) aborted = true;
    } finally {
      this.#feeding = false;
    }
    // Somebody went elsewhere while it was fetching: there it begins at once.
    if (aborted) return this.#feed();
    this.dispatchEvent(new Event("moved"));
  }

  /** Fetch what comes next. False when there is nothing more for now. */
  async #append() {
    const turn = this.#turn;
    const { signal } = this.#asked;
    const { part } = this.#cursor;
    const file = this.#files(part);
    const index = await file.index();
    if (turn !== this.#turn) return true;
    const first = this.#cursor.fragment ?? file.fragmentAt(index, (this.#cursor.at - part.from) / 1000);
    if (first >= index.fragments.length) {
      const next = part.open ? null : this.#footage.follower(part);
      if (next?.codec !== VideoScreen.kind) {
        this.#cursor = { part, fragment: first };
        return false;
      }
      this.#cursor = { part: next, fragment: 0 };
      return true;
    }

    let last = first;
    let [, begin, length] = index.fragments[first];
    while (last + 1 < index.fragments.length && last + 1 - first < this.#batch && index.fragments[last + 1][1] + index.fragments[last + 1][2] - begin <= MOST) {
      last += 1;
      length = index.fragments[last][1] + index.fragments[last][2] - begin;
    }
    const [head, bytes] = await Promise.all([file.head(index, signal), file.bytes(begin, length, signal)]);
    if (turn !== this.#turn) return true;
    await this.#put(part, index.mime, head, bytes);
    if (turn !== this.#turn) return true;
    this.#cursor = { part, fragment: last + 1 };
    this.#batch = Math.min(this.#batch * 2, 8);
    this.#settle();
    return true;
  }

  async #put(part, mime, head, bytes) {
    if (!this.#buffer) {
      this.#buffer = this.#source.addSourceBuffer(mime);
      this.#source.duration = (this.#footage.to - this.#origin) / 1000 + 3600;
    }
    if (this.#loaded !== part.id) {
      if (this.#loaded !== null) this.#buffer.changeType?.(mime);
      this.#buffer.timestampOffset = this.#media(part.from);
      await this.#update(() => this.#buffer.appendBuffer(head));
      this.#loaded = part.id;
    }
    try {
      await this.#update(() => this.#buffer.appendBuffer(bytes));
    } catch (failure) {
      if (failure.name !== "QuotaExceededError") throw failure;
      await this.#forget(2);
      await this.#update(() => this.#buffer.appendBuffer(bytes));
    }
    if (this.#video.currentTime - BEHIND > (this.#video.buffered.length ? this.#video.buffered.start(0) : Infinity) + BEHIND) await this.#forget(BEHIND);
  }

  /** Let go of what lies further back, and of what an earlier place has left further on. */
  #forget(behind) {
    const until = this.#video.currentTime - behind;
    return until > 0 ? this.#update(() => this.#buffer.remove(0, until)) : Promise.resolve();
  }

  #update(action) {
    return new Promise((resolve, reject) => {
      const buffer = this.#buffer;
      buffer.addEventListener("updateend", resolve, { once: true });
      try {
        action();
      } catch (failure) {
        buffer.removeEventListener("updateend", resolve);
        reject(failure);
      }
    });
  }

  /** The picture that was asked for may begin a hair after the moment: at the very beginning of a part. */
  #settle() {
    const { buffered, currentTime, seeking } = this.#video;
    if (!seeking || this.#rangeAt(currentTime) !== null) return;
    for (let at = 0; at < buffered.length; at += 1) {
      const start = buffered.start(at);
      if (start > currentTime && start - currentTime < 0.5) this.#video.currentTime = start + 0.001;
    }
  }
}
