// What stands around the picture: the veil that says why there is none, the moment, the pose, the player's buttons.

import { byId, say, setIcon, setWhyNot } from "./dom.js";
import { _, number } from "./i18n.js";
import { SPEEDS } from "./player.js";
import { poseInWords } from "./presets.js";
import { jumpInWords } from "./recordings_words.js";

const TOLD_FOR = 7000; // ms
const PATIENCE = 400; // ms: who waits shorter is not told

export class PlayerView {
  #player;
  #stage = byId("stage");
  #veil = byId("veil");
  #footage = null;
  #teach = null; // {title, text} for a day without footage
  #told = null;
  #waitingSince = null;

  constructor(player) {
    this.#player = player;
    for (const speed of SPEEDS) byId("speed").add(new Option(_("%(times)s×", { times: number(speed, 2) }), speed));
    byId("speed").value = player.rate;
    byId("speed").addEventListener("change", ({ target }) => (player.rate = Number(target.value)));
    byId("play").addEventListener("click", () => player.toggle());
    player.addEventListener("time", () => this.#drawMoment());
    player.addEventListener("state", () => this.draw());
    player.addEventListener("gap", ({ detail }) => this.tell(jumpInWords(this.#footage, detail)));
    setInterval(() => this.#waitingSince !== null && this.draw(), PATIENCE);
  }

  open(footage) {
    this.#footage = footage;
    this.tell("");
    this.draw();
  }

  /** What to say where there is no footage; null while that is not known. */
  set teach(words) {
    this.#teach = words;
    this.draw();
  }

  /** A sentence at the picture's edge, for a while. */
  tell(text) {
    clearTimeout(this.#told);
    say(byId("told"), text);
    if (text) this.#told = setTimeout(() => this.tell(""), TOLD_FOR);
  }

  /** One speed faster (1) or slower (-1). */
  changeSpeed(direction) {
    const at = SPEEDS.indexOf(this.#player.rate) + direction;
    if (SPEEDS[at]) this.#player.rate = SPEEDS[at];
  }

  draw() {
    const player = this.#player;
    const { playing, size } = player;
    setIcon(byId("play").querySelector(".icon"), playing ? "pause" : "play");
    byId("play").setAttribute("aria-label", playing ? _("Pause") : _("Play"));
    byId("play").title = playing ? _("Pause") : _("Play");
    byId("speed").value = player.rate;
    const nothing = player.position === null ? _("There is nothing to play.") : null;
    for (const id of ["play", "frame-back", "frame-on", "snapshot"]) setWhyNot(byId(id), nothing);
    const none = this.#footage?.events.length ? null : _("No event is known of this day.");
    for (const id of ["event-before", "event-after"]) setWhyNot(byId(id), none);
    if (size) this.#stage.closest(".lookback").style.setProperty("--ratio", size.width / size.height);
    this.#drawVeil();
    this.#drawMoment();
  }

  #drawVeil() {
    const words = this.#words();
    this.#stage.dataset.tone = words?.tone ?? "live";
    this.#stage.setAttribute("aria-busy", String(this.#player.waiting));
    this.#veil.hidden = !words?.title;
    say(this.#veil.children[0], words?.title ?? "");
    say(this.#veil.children[1], words?.text ?? "");
  }

  #words() {
    const player = this.#player;
    if (!player.waiting || player.state !== "shown") this.#waitingSince = null;
    switch (player.state) {
      case "empty":
        return this.#teach && { ...this.#teach, tone: "idle" };
      case "fault":
        return { tone: "bad", title: _("This cannot be played"), text: player.failure?.message ?? "" };
      case "unsupported":
        return {
          tone: "bad",
          title: _("This browser cannot play H.264 video"),
          text: _("Download the recording and open it in a player, or use another browser. What a camera records as MJPEG plays in every browser."),
        };
      case "loading":
        return { tone: "wait", title: "", text: "" };
    }
    if (!player.waiting) return null;
    this.#waitingSince ??= performance.now();
    if (performance.now() - this.#waitingSince < PATIENCE) return null;
    const growing = player.playing && player.part?.open;
    return { tone: "wait", title: growing ? "" : _("Fetching the picture …"), text: "" };
  }

  #drawMoment() {
    const at = this.#player.position;
    const footage = this.#footage;
    if (at === null || !footage) {
      for (const id of ["moment", "what", "pose"]) say(byId(id), "");
      return;
    }
    const time = byId("moment");
    time.dateTime = new Date(at).toISOString();
    say(time, footage.zone.whole(at));
    say(byId("what"), this.#player.part?.open ? _("being recorded") : "");
    const pose = footage.poseAt(at);
    say(byId("pose"), pose ? poseInWords(pose) : "");
    byId("pictures").setAttribute("aria-label", _("Picture of %(time)s", { time: footage.zone.exact(at) }));
  }
}
