// Places that a camera knows: go there, keep one, rename, point anew, delete.

import { api } from "./api.js";
import { confirm, onSubmit, openForm, showFormError } from "./dialogs.js";
import { byId, fromTemplate, say, setWhyNot } from "./dom.js";
import { _, inDegrees, number } from "./i18n.js";
import { error } from "./toasts.js";

const SLOTS = [1, 2, 3, 4, 5, 6, 7, 8, 9];

export const poseInWords = ({ x, y }) => _("pan %(x)s tilt %(y)s", { x: inDegrees(x), y: inDegrees(y) });

export class Presets {
  #cameras;
  #steering;
  #drawn = "";

  constructor(cameras, steering) {
    this.#cameras = cameras;
    this.#steering = steering;
    const newDialog = byId("preset-new");
    byId("preset-save").addEventListener("click", () => this.#openNew(newDialog));
    byId("presets-edit").addEventListener("click", () => this.#openAll());
    onSubmit(newDialog.querySelector("form"), (form) => this.#put(this.#freeSlot(), { name: form.elements.name.value.trim() }));
  }

  draw() {
    const { camera, obstacle } = this.#steering;
    const list = byId("preset-list");
    const key = JSON.stringify([camera.slug, camera.presets]);
    if (key !== this.#drawn) {
      this.#drawn = key;
      list.replaceChildren(...camera.presets.map((preset) => this.#button(preset)));
      byId("presets-empty").hidden = camera.presets.length > 0;
      byId("presets-edit").hidden = camera.presets.length === 0;
    }
    for (const button of list.querySelectorAll("button")) setWhyNot(button, obstacle);
    setWhyNot(byId("preset-save"), this.#whyNotSave(camera));
  }

  go(slot) {
    const preset = this.#steering.camera.presets.find((candidate) => candidate.slot === slot);
    if (preset) this.#steering.preset(preset);
    else if (this.#steering.possible) error(_("Preset %(slot)s is empty. “Save this place” fills the next free one.", { slot: number(slot) }));
  }

  #button(preset) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button preset";
    button.title = poseInWords(preset);
    const slot = document.createElement("span");
    slot.className = "slot";
    slot.textContent = number(preset.slot);
    const name = document.createElement("span");
    name.textContent = preset.name;
    name.dir = "auto";
    button.append(slot, name);
    button.addEventListener("click", () => this.#steering.preset(preset));
    item.append(button);
    return item;
  }

  #freeSlot() {
    const taken = new Set(this.#steering.camera.presets.map((preset) => preset.slot));
    return SLOTS.find((slot) => !taken.has(slot)) ?? null;
  }

  #whyNotSave(camera) {
    if (this.#freeSlot() === null) return _("All nine presets are in use. Delete one, or point one here.");
    if (!camera.status.pose) return _("The camera has not said yet where it points.");
    return null;
  }

  #openNew(dialog) {
    const { camera } = this.#steering;
    const reason = this.#whyNotSave(camera);
    if (reason) return error(reason);
    openForm(dialog, () => {
      dialog.querySelector('[data-slot="text"]').textContent = _("%(camera)s: %(pose)s", { camera: camera.name, pose: poseInWords(camera.status.pose) });
    });
  }

  #openAll() {
    this.#drawRows();
    byId("presets-dialog").showModal();
  }

  #drawRows() {
    const rows = byId("presets-dialog").querySelector(".preset-rows");
    rows.replaceChildren(...this.#steering.camera.presets.map((preset) => this.#row(preset)));
    if (!rows.childElementCount) byId("presets-dialog").close();
  }

  #row(preset) {
    const item = fromTemplate("preset-row");
    const form = item.querySelector("form");
    const { name } = form.elements;
    say(item.querySelector(".slot"), number(preset.slot));
    name.value = preset.name;
    const act = async (action) => {
      showFormError(byId("presets-dialog"), null);
      try {
        await action();
        this.#drawRows();
      } catch (refusal) {
        showFormError(byId("presets-dialog"), refusal.message);
      }
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      act(() => this.#put(preset.slot, { name: name.value.trim(), x: preset.x, y: preset.y }));
    });
    form.querySelector('[data-act="here"]').addEventListener("click", () => act(() => this.#put(preset.slot, { name: preset.name })));
    form.querySelector('[data-act="delete"]').addEventListener("click", async () => {
      const sure = await confirm({
        title: _("Delete the preset “%(name)s”?", { name: preset.name }),
        text: _("Everybody who steers this camera loses it."),
        yes: _("Delete"),
      });
      if (sure) act(() => this.#delete(preset.slot));
    });
    return item;
  }

  async #put(slot, body) {
    const { id, slug } = this.#steering.camera;
    const preset = await api.put(`cameras/${id}/presets/${slot}`, body);
    this.#keep(slug, (others) => [...others, preset], slot);
  }

  async #delete(slot) {
    const { id, slug } = this.#steering.camera;
    await api.delete(`cameras/${id}/presets/${slot}`);
    this.#keep(slug, (others) => others, slot);
  }

  #keep(slug, change, slot) {
    const others = this.#cameras.find(slug).presets.filter((preset) => preset.slot !== slot);
    this.#cameras.update(slug, { presets: change(others).sort((a, b) => a.slot - b.slot) });
  }
}
