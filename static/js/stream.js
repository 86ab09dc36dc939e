// Pictures of one camera over a WebSocket, for as long as the page can be seen.

const FIRST_PAUSE = 1;
const LONGEST_PAUSE = 30;
const FALLBACK_EVERY = 3; // so many failures in a row
const CLOSED_FOR_GOOD = { 4403: "forbidden", 4404: "gone" };

/** A socket that is closed before it is open complains on the console. */
function hangUp(socket) {
  if (socket.readyState === WebSocket.CONNECTING) socket.addEventListener("open", () => socket.close());
  else socket.close();
}

/**
 * Emits "picture" (detail: {blob, meta}) and "status" (detail: camera_status), and "state" whenever `state` changes:
 * connecting, open, waiting (until `retryAt`), fallback (use `fallbackUrl` in an <img>), forbidden, gone, closed.
 */
export class Stream extends EventTarget {
  #slug;
  #query;
  #socket = null;
  #failures = 0;
  #timer = null;
  #wanted = false;

  state = "closed";
  retryAt = 0; // performance.now()

  constructor(slug, maxFps) {
    super();
    this.#slug = encodeURIComponent(slug);
    this.#query = maxFps ? `?max_fps=${maxFps}` : "";
    document.addEventListener("visibilitychange", this.#onVisibility);
    addEventListener("pagehide", this.#pause);
    addEventListener("pageshow", this.#onVisibility);
  }

  get fallbackUrl() {
    return `/stream/${this.#slug}.mjpg${this.#query}`;
  }

  open() {
    this.#wanted = true;
    this.#onVisibility();
  }

  /** For good: a new Stream is made for the next time. */
  close() {
    this.#wanted = false;
    this.#pause();
    document.removeEventListener("visibilitychange", this.#onVisibility);
    removeEventListener("pagehide", this.#pause);
    removeEventListener("pageshow", this.#onVisibility);
  }

  /** There is news that the server is back. */
  hurry() {
    if (this.state === "waiting" || this.state === "fallback") this.#dial();
  }

  /** The <img> of the fallback failed too. */
  fallbackFailed() {
    if (this.state === "fallback") this.#retryLater();
  }

  #onVisibility = () => {
    if (document.hidden) this.#pause();
    else if (this.#wanted && this.state === "closed") this.#dial();
  };

  #pause = () => {
    clearTimeout(this.#timer);
    if (this.#socket) hangUp(this.#socket);
    this.#socket = null;
    this.#failures = 0;
    this.#become("closed");
  };

  #dial() {
    clearTimeout(this.#timer);
    this.#become("connecting");
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/ws/view/${this.#slug}${this.#query}`);
    let opened = false;
    let meta = null;
    this.#socket = socket;
    socket.addEventListener("open", () => {
      opened = true;
      if (socket === this.#socket) this.#become("open");
    });
    socket.addEventListener("message", ({ data }) => {
      if (socket !== this.#socket) return;
      if (typeof data !== "string") {
        this.#failures = 0;
        this.dispatchEvent(new CustomEvent("picture", { detail: { blob: data, meta } }));
        meta = null;
        return;
      }
      const message = JSON.parse(data);
      if (message.type === "frame") meta = message;
      else if (message.type === "status") this.dispatchEvent(new CustomEvent("status", { detail: message }));
    });
    socket.addEventListener("close", ({ code }) => {
      if (socket === this.#socket) this.#closed(code, opened);
    });
  }

  #closed(code, opened) {
    this.#socket = null;
    this.#failures += 1;
    if (CLOSED_FOR_GOOD[code]) this.#become(CLOSED_FOR_GOOD[code]);
    else if (!opened && this.#failures % FALLBACK_EVERY === 0) this.#become("fallback");
    else this.#retryLater();
  }

  #retryLater() {
    const pause = Math.min(FIRST_PAUSE * 2 ** (this.#failures - 1), LONGEST_PAUSE) * (0.9 + 0.2 * Math.random());
    this.retryAt = performance.now() + pause * 1000;
    this.#timer = setTimeout(() => this.#dial(), pause * 1000);
    this.#become("waiting");
  }

  #become(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}
