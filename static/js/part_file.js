// The file of one part: its index, and any piece of it by HTTP Range.

import { api, Refusal, refusalOf } from "./api.js";
import { lastBefore } from "./footage.js";
import { _ } from "./i18n.js";

const FRESH_FOR = 900; // ms that the index of a growing file is believed
const FIRST_WITHIN = 10_000; // ms that a file which has just begun may take to have a picture
const ASK_AGAIN = 400; // ms

/** Ends a wait without a word: the person went elsewhere meanwhile. */
export const isAbort = (error) => error?.name === "AbortError";

export class PartFile {
  #index = null;
  #asked = null;
  #readAt = -Infinity;
  #init = null;

  constructor(part) {
    this.part = part;
  }

  /**
   * {codec, mime, init, fragments: [[seconds, offset, length], …], seconds}; of a growing file: what is whole so far.
   * The fragments of MJPEG are its pictures.
   */
  index() {
    const fresh = this.#index && (this.#index.whole || performance.now() - this.#readAt < FRESH_FOR);
    if (fresh) return Promise.resolve(this.#index);
    this.#asked ??= this.#read().finally(() => (this.#asked = null));
    return this.#asked;
  }

  /** What is known of it at once, or null. */
  get known() {
    return this.#index;
  }

  async #read() {
    const whole = !this.part.open; // as it was when we asked
    const index = await this.#ask(performance.now() + FIRST_WITHIN);
    this.#readAt = performance.now();
    this.#index = { ...index, fragments: index.frames ?? index.fragments, whole };
    // The clock says how long it may be, the file how long it is.
    if (this.#index.fragments.length) this.part.to = this.part.from + index.seconds * 1000;
    return this.#index;
  }

  async #ask(until) {
    try {
      return await api.get(`recordings/${this.part.id}/index`);
    } catch (refusal) {
      if (refusal.code !== "unavailable" || !this.part.open || performance.now() > until) throw refusal;
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN));
      return this.#ask(until);
    }
  }

  /** The number of the fragment that is shown so many seconds after the beginning. */
  fragmentAt(index, seconds) {
    return Math.max(0, lastBefore(index.fragments, seconds, ([at]) => at));
  }

  async bytes(offset, length, signal) {
    let response;
    try {
      response = await fetch(`/recordings/${this.part.id}/video`, { headers: { Range: `bytes=${offset}-${offset + length - 1}` }, signal });
    } catch (failure) {
      if (isAbort(failure)) throw failure;
      throw new Refusal("unreachable", _("CamProxy cannot be reached. Check your network, then try again."));
    }
    if (response.status !== 206) throw await refusalOf(response);
    return response.arrayBuffer();
  }

  /** The head of the file, without which no fragment can be read. */
  async head(index, signal) {
    this.#init ??= await this.bytes(...index.init, signal);
    return this.#init;
  }
}
