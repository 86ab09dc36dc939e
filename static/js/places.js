// Which camera is on the screen: the address bar, the chooser, and the single view or the grid.

import { byId } from "./dom.js";
import { _ } from "./i18n.js";
import { me, pageData } from "./page.js";

const ALL = ""; // the chooser's value
const ALL_ADDRESS = "/?all"; // the plain address opens the camera that this person starts with

export class Places {
  #cameras;
  #single = null;
  #grid = null;
  #chosen;
  #options = "";

  constructor(cameras) {
    this.#cameras = cameras;
    this.#chosen = pageData.camera ?? this.#fromAddress();
    byId("camera").addEventListener("change", ({ target }) => this.open(target.value || null));
    byId("all-cameras").addEventListener("click", (event) => {
      event.preventDefault();
      this.open(null);
    });
    addEventListener("popstate", () => {
      this.#chosen = this.#fromAddress();
      this.show();
    });
    cameras.addEventListener("list", () => this.show());
  }

  start(single, grid) {
    this.#single = single;
    this.#grid = grid;
    this.show();
  }

  /** Open a camera by its slug, or the grid with null. */
  open(slug) {
    this.#chosen = slug;
    history.pushState(null, "", slug ? `/?camera=${encodeURIComponent(slug)}` : ALL_ADDRESS);
    this.show();
    byId("main").focus({ preventScroll: true });
    scrollTo(0, 0);
  }

  show() {
    const { all } = this.#cameras;
    const camera = all.length === 1 ? all[0] : this.#cameras.find(this.#chosen);
    byId("no-cameras").hidden = all.length > 0;
    this.#drawChooser(camera);
    if (camera) {
      this.#grid.hide();
      this.#single.show(camera);
    } else {
      this.#single.hide();
      if (all.length) this.#grid.show();
      else this.#grid.hide();
    }
    document.title = `${camera?.name ?? _("Live")} · CamProxy`;
  }

  #fromAddress() {
    const query = new URLSearchParams(location.search);
    if (query.has("all")) return null;
    return query.get("camera") ?? this.#cameras.find(me.default_camera)?.slug ?? null;
  }

  #drawChooser(camera) {
    const { all } = this.#cameras;
    const select = byId("camera");
    const options = all.map(({ name, slug }) => [name, slug]);
    if (all.length > 1) options.unshift([_("All cameras"), ALL]);
    // New options would close a list that is being read.
    if (JSON.stringify(options) !== this.#options) {
      this.#options = JSON.stringify(options);
      select.replaceChildren(...options.map(([name, value]) => new Option(name, value)));
    }
    select.value = camera?.slug ?? ALL;
    select.hidden = all.length < 2;
    byId("all-cameras").hidden = all.length < 2;
    byId("camera-alone").hidden = all.length !== 1;
    byId("camera-alone").textContent = camera?.name ?? "";
  }
}
