// The boards that are this person's business: one source of state. Listeners hear "changed" and read the truth here.

import { api } from "./api.js";
import { error } from "./toasts.js";

const LOOK_AGAIN = 30_000; // ms: what the server makes of a board's figures comes with the list only

/** Emits "list" when there are others than before, "changed" (detail: the board) when one is not as it was. */
export class Boards extends EventTarget {
  #list;
  #lookedAt = performance.now();
  #looking = null;

  constructor(items, server, cameras) {
    super();
    this.#list = items;
    server.addEventListener("device_status", ({ detail }) => this.#applyStatus(detail));
    // Whatever happened before there was a connection was not heard.
    server.addEventListener("connection", () => server.connected && this.refresh());
    cameras.addEventListener("list", () => this.refresh()); // boards were added or removed, or go with other cameras
  }

  get all() {
    return this.#list;
  }

  find(id) {
    return this.#list.find((board) => board.id === id) ?? null;
  }

  /** One look at a time: whoever asks meanwhile is content with the next one. */
  async refresh() {
    if (this.#looking) {
      this.#looking.again = true;
      return;
    }
    this.#looking = { again: false };
    try {
      do {
        this.#looking.again = false;
        this.#list = (await api.get("devices")).items;
      } while (this.#looking.again);
      this.#lookedAt = performance.now();
      this.dispatchEvent(new Event("list"));
    } catch (refusal) {
      error(refusal.message);
    } finally {
      this.#looking = null;
    }
  }

  #applyStatus(status) {
    // A look that is under way may bring what was before.
    if (this.#looking) this.#looking.again = true;
    const board = this.find(status.device);
    const isNews = !board || board.status.state !== status.state;
    if (board) {
      Object.assign(board, { status, name: status.name });
      this.dispatchEvent(new CustomEvent("changed", { detail: board }));
    }
    if (isNews || performance.now() - this.#lookedAt > LOOK_AGAIN) this.refresh();
  }
}
