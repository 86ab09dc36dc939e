// The camera on the screen: whether it is recorded, and recording it by hand.

import { api } from "./api.js";
import { byId, say, setWhyNot } from "./dom.js";
import { _, moment } from "./i18n.js";
import { error } from "./toasts.js";

const BY_HAND = 3600; // seconds: a button that was forgotten does not fill the disk

const FAULTS = {
  disk_full: () => _("Not recorded: the disk is full"),
  disk_missing: () => _("Not recorded: the disk is not there"),
  encoder_failed: () => _("Not recorded: the pictures cannot be written"),
};

export class Recorder {
  #steering;
  #button = byId("record");

  constructor(steering) {
    this.#steering = steering;
    this.#button.addEventListener("click", () => this.toggle());
  }

  async toggle() {
    const { camera } = this.#steering;
    if (!camera.can.control || !camera.recording) return; // not before it is known what would be switched
    const seconds = camera.recording?.by_hand_until ? 0 : BY_HAND;
    try {
      // What has become of it comes as an event, in order with those that follow; the answer may be older by then.
      await api.post(`cameras/${camera.id}/recording/by-hand`, { seconds });
    } catch (refusal) {
      error(refusal.message);
    }
  }

  draw() {
    const { can, recording } = this.#steering.camera;
    const until = recording?.by_hand_until;
    this.#button.hidden = !can.control;
    this.#button.setAttribute("aria-pressed", String(Boolean(until)));
    this.#button.dataset.label = until ? _("Records until %(time)s at the latest", { time: moment(until) }) : _("Record for an hour at most (R)");
    this.#button.title = this.#button.dataset.label;
    setWhyNot(this.#button, recording ? null : _("There is no connection to CamProxy."));
    const sign = byId("recording");
    const fault = FAULTS[recording?.fault]?.();
    sign.hidden = !recording?.recording && !fault;
    sign.classList.toggle("at-fault", Boolean(fault));
    say(sign.querySelector(".recording-text"), fault ?? _("Recording"));
  }
}
