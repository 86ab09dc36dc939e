// One camera's picture on the page, with what is the matter when there is none.

import { _ } from "./i18n.js";
import { say } from "./dom.js";
import { Picture } from "./picture.js";
import { Stream } from "./stream.js";
import { describePicture } from "./words.js";

const SHAPES = "camproxy.shapes"; // localStorage: slug -> aspect ratio, so that the next visit does not jump

const shapes = JSON.parse(localStorage.getItem(SHAPES) ?? "{}");

/** Emits "state" (see `description`) and "drawn" (detail: the frame's description, or null). */
export class Viewer extends EventTarget {
  #element;
  #cameras;
  #slug;
  #veil;
  #fallback = null;
  #timer;

  description = { kind: "", tone: "wait", state: "", title: "", text: "" };

  constructor(element, cameras, camera, maxFps) {
    super();
    this.#element = element;
    this.#cameras = cameras;
    this.#slug = camera.slug;
    this.#veil = element.querySelector(".veil");
    const canvas = element.querySelector(".picture");
    canvas.setAttribute("aria-label", _("Live picture of %(name)s", { name: camera.name }));
    if (shapes[camera.slug]) this.#shape(shapes[camera.slug]);

    this.picture = new Picture(canvas);
    this.picture.addEventListener("drawn", ({ detail }) => this.#drawn(detail));
    this.picture.addEventListener("shape", () => this.#remember());
    this.stream = new Stream(camera.slug, maxFps);
    this.stream.addEventListener("picture", ({ detail }) => this.picture.offer(detail.blob, detail.meta));
    this.stream.addEventListener("status", ({ detail }) => cameras.applyStatus(detail));
    this.stream.addEventListener("state", () => this.#streamChanged());
    cameras.addEventListener("changed", this.#onCamera);
    this.#timer = setInterval(() => this.refresh(), 500);
    this.stream.open();
    this.refresh();
  }

  /** Seconds since the newest picture was drawn; null before the first. */
  get age() {
    return this.picture.drawnAt === null ? null : (performance.now() - this.picture.drawnAt) / 1000;
  }

  close() {
    clearInterval(this.#timer);
    this.#cameras.removeEventListener("changed", this.#onCamera);
    this.stream.close();
    this.#fallback?.remove();
  }

  refresh() {
    const camera = this.#cameras.find(this.#slug);
    if (!camera || document.hidden) return;
    const now = describePicture(camera, this.stream, this.age);
    const before = this.description;
    this.description = now;
    this.#element.dataset.tone = now.tone;
    this.#element.classList.toggle("stale", now.tone !== "live" && this.age !== null);
    this.#veil.hidden = !now.title;
    say(this.#veil.children[0], now.title);
    say(this.#veil.children[1], now.text);
    if (now.state !== before.state) this.dispatchEvent(new Event("state"));
  }

  #onCamera = ({ detail }) => {
    if (detail.slug === this.#slug) this.refresh();
  };

  #drawn(meta) {
    if (this.description.tone !== "live") this.refresh();
    this.dispatchEvent(new CustomEvent("drawn", { detail: meta }));
  }

  #streamChanged() {
    const wanted = this.stream.state === "fallback";
    this.#element.classList.toggle("by-image", wanted);
    if (wanted && !this.#fallback) {
      this.#fallback = new Image();
      this.#fallback.className = "picture";
      this.#fallback.alt = "";
      this.#fallback.addEventListener("error", () => this.stream.fallbackFailed());
      this.#fallback.src = this.stream.fallbackUrl;
      this.#element.prepend(this.#fallback);
    } else if (!wanted && this.#fallback) {
      // A browser goes on loading an <img> that is merely removed.
      this.#fallback.src = "";
      this.#fallback.remove();
      this.#fallback = null;
    }
    this.refresh();
  }

  #remember() {
    const { width, height } = this.picture.size;
    shapes[this.#slug] = width / height;
    localStorage.setItem(SHAPES, JSON.stringify(shapes));
    this.#shape(width / height);
  }

  #shape(ratio) {
    (this.#element.closest(".single") ?? this.#element).style.setProperty("--ratio", ratio);
  }
}
