// How motion is looked for in a camera's picture, for admins: a dialog with the picture in it, and what moves there now.

import { api } from "./api.js";
import { onSubmit, openForm } from "./dialogs.js";
import { byId, say } from "./dom.js";
import { _, inPercent } from "./i18n.js";
import { MotionZones } from "./motion_zones.js";
import { error, note } from "./toasts.js";
import { Viewer } from "./viewer.js";

const ASK_EVERY = 1000;
const MAX_FPS = 4;

const NOW = {
  off: () => ["off", _("Motion is not looked for.")],
  no_picture: () => ["bad", _("There is no picture.")],
  muted: () => ["wait", _("The head moves or has just moved, or points where nothing is looked for.")],
  still: () => ["idle", _("Nothing moves.")],
  moving: (share) => ["live", _("Something moves, in %(share)s of where it counts.", { share: inPercent(share ?? 0) })],
};

export class MotionAdmin {
  #cameras;
  #dialog = byId("motion-dialog");
  #zones = new MotionZones(byId("motion-shapes"), byId("motion-corners"), byId("motion-zones"));
  #camera = null;
  #viewer = null;
  #timer = null;

  constructor(cameras) {
    this.#cameras = cameras;
    for (const kind of ["include", "exclude"]) byId(`add-${kind}`).addEventListener("click", () => this.#zones.add(kind));
    this.#zones.addEventListener("changed", () => {
      for (const kind of ["include", "exclude"]) byId(`add-${kind}`).disabled = this.#zones.full;
    });
    this.#dialog.addEventListener("close", () => this.#closed());
    onSubmit(this.#dialog.querySelector("form"), async (form) => {
      await api.put(this.#path, this.#settingsOf(form));
      note(_("Saved."));
    });
  }

  get #path() {
    return `cameras/${this.#camera.id}/motion`;
  }

  async open(camera) {
    this.#camera = camera;
    let settings;
    try {
      settings = await api.get(this.#path);
    } catch (refusal) {
      error(refusal.message);
      return;
    }
    openForm(this.#dialog, ({ elements }) => {
      say(byId("motion-title"), _("Motion before %(name)s", { name: camera.name }));
      elements.enabled.checked = settings.enabled;
      elements.sensitivity.value = settings.sensitivity;
      elements.settle_seconds.value = settings.settle_seconds;
      this.#offerPresets(settings.muted_presets);
    });
    this.#zones.zones = settings.zones;
    this.#viewer = new Viewer(byId("motion-picture").querySelector(".viewer"), this.#cameras, camera, MAX_FPS);
    this.#show(settings.now);
    this.#timer = setInterval(() => this.#ask(), ASK_EVERY);
  }

  #closed() {
    clearInterval(this.#timer);
    this.#viewer?.close();
    this.#viewer = null;
  }

  #offerPresets(muted) {
    const { presets } = this.#cameras.find(this.#camera.id) ?? this.#camera;
    byId("motion-presets").hidden = !presets.length;
    byId("motion-presets").lastElementChild.replaceChildren(...presets.map(({ slot, name }) => {
      const label = document.createElement("label");
      label.className = "check";
      const box = Object.assign(document.createElement("input"), { type: "checkbox", name: "muted", value: slot, checked: muted.includes(slot) });
      const words = document.createElement("span");
      words.dir = "auto";
      words.textContent = name;
      label.append(box, words);
      return label;
    }));
  }

  #settingsOf(form) {
    const { elements } = form;
    return {
      enabled: elements.enabled.checked,
      sensitivity: elements.sensitivity.valueAsNumber,
      zones: this.#zones.zones,
      settle_seconds: elements.settle_seconds.valueAsNumber,
      muted_presets: [...form.querySelectorAll('[name="muted"]:checked')].map(({ value }) => Number(value)),
    };
  }

  async #ask() {
    if (document.hidden) return;
    try {
      this.#show((await api.get(this.#path)).now);
    } catch {
      // The line on top says that the server is away; a camera that was removed is none of this dialog's any more.
    }
  }

  #show({ state, share, box }) {
    const [tone, words] = NOW[state](share);
    byId("motion-now").dataset.tone = tone;
    say(byId("motion-now").querySelector(".state-text"), words);
    this.#mark(state === "moving" ? box : null);
  }

  #mark(box) {
    const mark = byId("motion-box");
    mark.hidden = !box;
    if (!box) return;
    const [left, top, right, bottom] = box;
    Object.assign(mark.style, { left: `${100 * left}%`, top: `${100 * top}%`, width: `${100 * (right - left)}%`, height: `${100 * (bottom - top)}%` });
  }
}
