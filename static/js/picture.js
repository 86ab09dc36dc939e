// JPEGs onto a canvas. While one is decoded only the newest of those that arrive is kept.

const MEASURED_OVER = 3000;

/** Emits "drawn" after each picture, "shape" when the aspect ratio changed. */
export class Picture extends EventTarget {
  #canvas;
  #context;
  #next = null;
  #decoding = false;
  #drawnTimes = [];

  drawnAt = null; // performance.now() of the newest picture
  meta = null; // the newest description that came with one
  bytes = 0;
  skipped = 0;
  broken = 0;

  constructor(canvas) {
    super();
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
  }

  get size() {
    return { width: this.#canvas.width, height: this.#canvas.height };
  }

  /** Pictures per second, over the last few seconds. */
  get fps() {
    const since = performance.now() - MEASURED_OVER;
    this.#drawnTimes = this.#drawnTimes.filter((time) => time > since);
    if (this.#drawnTimes.length < 2) return this.#drawnTimes.length;
    const span = this.#drawnTimes.at(-1) - this.#drawnTimes[0];
    return ((this.#drawnTimes.length - 1) * 1000) / span;
  }

  offer(blob, meta) {
    if (this.#next) this.skipped += 1;
    this.#next = { blob, meta: meta ?? this.#next?.meta ?? null };
    if (!this.#decoding) this.#run();
  }

  async #run() {
    this.#decoding = true;
    while (this.#next) {
      const { blob, meta } = this.#next;
      this.#next = null;
      try {
        const bitmap = await createImageBitmap(blob);
        this.#draw(bitmap);
        this.#record(blob, meta);
      } catch {
        this.broken += 1;
      }
    }
    this.#decoding = false;
  }

  #draw(bitmap) {
    const { width, height } = bitmap;
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      this.#canvas.width = width;
      this.#canvas.height = height;
      this.dispatchEvent(new Event("shape"));
    }
    this.#context.drawImage(bitmap, 0, 0);
    bitmap.close();
  }

  #record(blob, meta) {
    this.drawnAt = performance.now();
    this.#drawnTimes.push(this.drawnAt);
    this.bytes = blob.size;
    this.dispatchEvent(new CustomEvent("drawn", { detail: meta }));
    if (meta) this.meta = meta;
  }
}
