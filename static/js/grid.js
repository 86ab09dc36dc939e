// All cameras side by side, at a gentle frame rate. A tile opens its camera.

import { byId, fromTemplate, say } from "./dom.js";
import { Viewer } from "./viewer.js";

const MAX_FPS = 4;

export class Grid {
  #cameras;
  #open;
  #section = byId("grid");
  #tiles = new Map(); // slug -> {item, viewer}

  /** `open(slug)` is called when a tile is clicked. */
  constructor(server, cameras, open) {
    this.#cameras = cameras;
    this.#open = open;
    server.addEventListener("connection", () => {
      if (server.connected) for (const { viewer } of this.#tiles.values()) viewer.stream.hurry();
    });
  }

  show() {
    this.#section.hidden = false;
    const { all } = this.#cameras;
    const wanted = new Set(all.map((camera) => camera.slug));
    for (const slug of this.#tiles.keys()) if (!wanted.has(slug)) this.#remove(slug);
    byId("tiles").replaceChildren(...all.map((camera) => this.#tile(camera)));
  }

  hide() {
    this.#section.hidden = true;
    for (const slug of [...this.#tiles.keys()]) this.#remove(slug);
  }

  #remove(slug) {
    const { item, viewer } = this.#tiles.get(slug);
    viewer.close();
    item.remove();
    this.#tiles.delete(slug);
  }

  #tile(camera) {
    const known = this.#tiles.get(camera.slug);
    if (known) {
      say(known.item.querySelector(".tile-name"), camera.name);
      return known.item;
    }
    const item = fromTemplate("tile");
    const link = item.querySelector("a");
    link.href = `/?camera=${encodeURIComponent(camera.slug)}`;
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
      event.preventDefault();
      this.#open(camera.slug);
    });
    say(item.querySelector(".tile-name"), camera.name);

    const viewer = new Viewer(item.querySelector(".viewer"), this.#cameras, camera, MAX_FPS);
    const drawState = () => {
      link.dataset.tone = viewer.description.tone;
      say(item.querySelector(".state-text"), viewer.description.state);
    };
    viewer.addEventListener("state", drawState);
    drawState();
    this.#tiles.set(camera.slug, { item, viewer });
    return item;
  }
}
