// The recording that is looked at: what it is; download, protect, delete.

import { api } from "./api.js";
import { confirm } from "./dialogs.js";
import { byId, fillFigures, say, setWhyNot, whyNot } from "./dom.js";
import { _, inBytes, inTime, number } from "./i18n.js";
import { me } from "./page.js";
import { error, note } from "./toasts.js";

/** Emits "changed" when a recording was protected, unprotected or deleted. */
export class RecordingCard extends EventTarget {
  #camera = null;
  #zone;
  #part = null;
  #recording = null; // as the API tells it

  constructor(zone) {
    super();
    this.#zone = zone;
    byId("protect").addEventListener("click", ({ currentTarget }) => (whyNot(currentTarget) ? error(whyNot(currentTarget)) : this.#protect()));
    byId("delete").addEventListener("click", ({ currentTarget }) => (whyNot(currentTarget) ? error(whyNot(currentTarget)) : this.#delete()));
  }

  open(camera) {
    this.#camera = camera;
    this.show(null);
  }

  /** The part that is looked at, or null. */
  show(part) {
    const same = part?.id === this.#part?.id && part?.open === this.#recording?.open;
    this.#part = part;
    if (same) return;
    this.#recording = null;
    byId("recording").hidden = part === null;
    if (part === null) return;
    this.#draw();
    this.refresh();
  }

  /** Ask what is known of it by now. */
  async refresh() {
    const part = this.#part;
    if (!part) return;
    try {
      const recording = await api.get(`recordings/${part.id}`);
      if (part !== this.#part) return;
      this.#recording = { ...recording, open: part.open };
      this.#draw();
    } catch {
      // What the timeline knows stands there already.
    }
  }

  #draw() {
    const part = this.#part;
    const recording = this.#recording;
    const rows = [
      [_("Begun"), this.#zone.exact(part.from)],
      part.open ? [_("Ended"), _("it is being recorded")] : [_("Ended"), this.#zone.exact(part.to)],
      [_("Length"), inTime(Math.round((part.to - part.from) / 1000))],
      [_("Format"), part.codec === "h264" ? "H.264" : "MJPEG"],
    ];
    if (recording) {
      rows.push([_("Picture"), _("%(width)s × %(height)s", { width: number(recording.width), height: number(recording.height) })]);
      if (recording.bytes) rows.push([_("Size"), inBytes(recording.bytes)]);
      if (recording.lost) rows.push([_("Pictures lost"), number(recording.lost)]);
      if (recording.state === "recovered") rows.push([_("State"), _("made whole after a crash")]);
    }
    fillFigures(byId("recording-figures"), rows);
    byId("download").href = `/recordings/${part.id}/video?download=1`;

    const { can } = this.#camera;
    byId("protect").hidden = !can.control;
    byId("protect").setAttribute("aria-pressed", String(part.protected));
    say(byId("protect").querySelector("span"), part.protected ? _("Protected") : _("Protect"));
    byId("delete").hidden = !(me.is_admin || (me.role === "operator" && can.control));
    const obstacle = part.open ? _("It is still being recorded.") : part.protected ? _("It is protected. Lift the protection first.") : null;
    setWhyNot(byId("delete"), obstacle);
  }

  async #protect() {
    const part = this.#part;
    const kept = !part.protected;
    try {
      await api.put(`recordings/${part.id}`, { protected: kept });
      part.protected = kept;
      note(kept ? _("It is protected: it stays however full the disk is.") : _("It is not protected any more.") );
      if (part === this.#part) this.#draw();
      this.dispatchEvent(new Event("changed"));
    } catch (refusal) {
      error(refusal.message);
    }
  }

  async #delete() {
    const part = this.#part;
    const sure = await confirm({
      title: _("Delete this recording?"),
      text: _("%(from)s to %(to)s of %(camera)s will be gone. This cannot be undone.", {
        from: this.#zone.whole(part.from),
        to: this.#zone.exact(part.to),
        camera: this.#camera.name,
      }),
      yes: _("Delete"),
    });
    if (!sure) return;
    try {
      await api.delete(`recordings/${part.id}`);
      note(_("The recording was deleted."));
      this.dispatchEvent(new Event("changed"));
    } catch (refusal) {
      error(refusal.message);
    }
  }
}
