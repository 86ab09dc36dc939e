// The small picture above the timeline: what is under the pointer or the finger.

import { byId, say } from "./dom.js";
import { eventInWords, whyNothing } from "./recordings_words.js";

const WIDTH = 160; // pixels of a thumbnail
const RETRY = 250; // ms between two of them

export class Preview {
  #element = byId("preview");
  #image = this.#element.querySelector("img");
  #time = this.#element.querySelector("strong");
  #text = this.#element.querySelector("span");
  #footage = null;
  #wanted = null;
  #loading = false;

  constructor() {
    // One at a time: while a picture is on its way, only the newest wish counts.
    const done = () => {
      this.#loading = false;
      this.#image.hidden = !this.#image.naturalWidth;
      setTimeout(() => this.#load(), 0);
    };
    this.#image.addEventListener("load", done);
    this.#image.addEventListener("error", () => setTimeout(done, RETRY));
  }

  open(footage) {
    this.#footage = footage;
    this.hide();
  }

  /** `share`: where on the line, 0 to 1; `pixel`: the milliseconds that a pixel of it stands for. */
  show(at, share, pixel) {
    const footage = this.#footage;
    const part = footage.partAt(at);
    const event = footage.events.find(({ from, to }) => from - 4 * pixel <= at && at <= to + 4 * pixel);
    say(this.#time, footage.zone.exact(at));
    say(this.#text, part ? (event ? eventInWords(event) : "") : at < footage.end ? whyNothing(footage, at, at + 1) : "");
    this.#element.hidden = false;
    this.#element.style.setProperty("--at", share);
    if (part) {
      // Whoever sees a day does not need a picture for each second of it; the same address is asked once.
      const grain = Math.max(1, Math.round((4 * pixel) / 1000));
      const seconds = Math.floor((at - part.from) / 1000 / grain) * grain;
      this.#wanted = `/recordings/${part.id}/thumbnail.jpg?at=${seconds}&width=${WIDTH}`;
      this.#load();
    } else {
      this.#wanted = null;
      this.#image.hidden = true;
    }
  }

  hide() {
    this.#element.hidden = true;
    this.#wanted = null;
  }

  #load() {
    if (this.#loading || !this.#wanted) return;
    if (this.#image.getAttribute("src") === this.#wanted) {
      this.#image.hidden = !this.#image.naturalWidth;
      return;
    }
    this.#loading = true;
    this.#image.src = this.#wanted;
  }
}
