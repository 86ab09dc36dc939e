// One camera: its picture, its readings, its controls.

import { Aim } from "./aim.js";
import { byId, say, setWhyNot } from "./dom.js";
import { Driver } from "./driver.js";
import { _, inDegrees, inKilobytes, inMilliseconds, number } from "./i18n.js";
import { startKeys } from "./keys.js";
import { startPad } from "./pad.js";
import { me } from "./page.js";
import { poseInWords, Presets } from "./presets.js";
import { Recorder } from "./recorder.js";
import { STEPS } from "./steering.js";
import { saveSnapshot, startFullScreen } from "./tools.js";
import { Viewer } from "./viewer.js";

export class Single {
  #server;
  #cameras;
  #steering;
  #section = byId("single");
  #stage = byId("stage");
  #viewer = null;
  #slug = null;
  #aim;
  #driver;
  #presets;
  #recorder;
  #latency = null;
  #spoken = null;

  constructor(server, cameras, steering) {
    this.#server = server;
    this.#cameras = cameras;
    this.#steering = steering;
    this.#aim = new Aim(this.#stage, byId("trace"), steering);
    this.#driver = new Driver(steering);
    this.#presets = new Presets(cameras, steering);
    this.#recorder = new Recorder(steering);
    startPad(byId("dpad"), steering);
    const fullScreen = startFullScreen(this.#stage);
    const help = () => byId("help-dialog").showModal();
    const snapshot = () => saveSnapshot(steering.camera.slug);
    const light = () => steering.camera.light && steering.camera.can.control && steering.light(!steering.camera.status.light);

    byId("light").addEventListener("click", light);
    byId("snapshot").addEventListener("click", snapshot);
    byId("help").addEventListener("click", help);
    byId("step-less").addEventListener("click", () => steering.changeStep(-1));
    byId("step-more").addEventListener("click", () => steering.changeStep(1));
    startKeys(
      {
        move: (direction) => steering.move(direction),
        preset: (slot) => this.#presets.go(slot),
        "+": () => steering.changeStep(1),
        "=": () => steering.changeStep(1), // + without Shift
        "-": () => steering.changeStep(-1),
        c: () => steering.move("center"),
        l: light,
        r: () => this.#recorder.toggle(),
        s: snapshot,
        f: fullScreen,
        "?": help,
      },
      () => this.#viewer !== null,
    );

    steering.addEventListener("changed", () => this.#draw());
    server.addEventListener("connection", () => {
      if (server.connected) this.#viewer?.stream.hurry();
      this.#draw();
    });
    cameras.addEventListener("changed", ({ detail }) => {
      if (detail === steering.camera) this.#draw();
    });
    addEventListener("resize", () => this.#viewer && this.#aim.draw());
    byId("numbers").addEventListener("toggle", () => this.#drawNumbers());
    setInterval(() => this.#drawReadings(), 1000);
  }

  show(camera) {
    this.#section.hidden = false;
    // The list around it may have changed; the picture goes on.
    if (!this.#viewer || this.#slug !== camera.slug) this.#open(camera);
    this.#draw();
    this.#drawState();
    this.#drawReadings();
  }

  hide() {
    this.#section.hidden = true;
    this.#server.subscribe(null);
    this.#close();
  }

  #open(camera) {
    this.#close();
    this.#slug = camera.slug;
    this.#latency = null;
    this.#server.subscribe(camera.slug);
    this.#steering.show(camera.slug);
    this.#viewer = new Viewer(this.#stage.querySelector(".viewer"), this.#cameras, camera, me.max_fps);
    this.#viewer.addEventListener("state", () => this.#drawState());
    this.#viewer.addEventListener("drawn", ({ detail }) => this.#measure(detail));
  }

  #close() {
    this.#viewer?.close();
    this.#viewer = null;
  }

  #measure(meta) {
    if (!meta) return;
    const first = this.#latency === null;
    this.#latency = Math.max(0, (this.#server.now() - meta.captured_at) * 1000);
    if (first) this.#drawReadings();
  }

  #draw() {
    const { camera, obstacle, possible, step } = this.#steering;
    if (!this.#viewer || !camera) return;
    const { pose, light } = camera.status;
    this.#section.classList.toggle("watch-only", !possible);
    say(byId("camera-name"), camera.name);

    byId("pose").hidden = !camera.head || !pose;
    if (pose) say(byId("pose"), poseInWords(pose));
    this.#aim.draw();
    this.#stage.classList.toggle("steerable", possible && !obstacle);

    this.#recorder.draw();
    byId("light").hidden = !camera.light || !camera.can.control;
    byId("light").setAttribute("aria-pressed", String(Boolean(light)));
    setWhyNot(byId("light"), obstacle);
    setWhyNot(byId("snapshot"), camera.status.state === "offline" || camera.status.state === "disabled" ? _("The camera is not connected.") : null);

    byId("driver").hidden = !(possible || (camera.light && camera.can.control)) && !camera.control?.holder;
    this.#driver.draw();
    for (const id of ["dpad", "step", "presets"]) byId(id).hidden = !possible;
    if (!possible) return;
    for (const button of byId("dpad").children) setWhyNot(button, obstacle);
    say(byId("step-size"), inDegrees(step));
    setWhyNot(byId("step-less"), step <= STEPS[0] ? _("This is the smallest step.") : null);
    setWhyNot(byId("step-more"), step >= STEPS.at(-1) ? _("This is the largest step.") : null);
    this.#presets.draw();
  }

  #drawState() {
    const { description } = this.#viewer;
    this.#stage.dataset.tone = description.tone;
    say(byId("state"), description.state);
    // Spoken once for each kind of state, not for every second of a countdown.
    if (description.kind === this.#spoken) return;
    this.#spoken = description.kind;
    say(byId("state-spoken"), [description.title || description.state, description.text].filter(Boolean).join(". "));
  }

  #drawReadings() {
    if (!this.#viewer) return;
    const live = this.#viewer.description.tone === "live";
    const { fps } = this.#viewer.picture;
    say(byId("latency"), live && this.#latency !== null ? inMilliseconds(this.#latency) : "");
    say(byId("fps"), live && fps ? _("%(count)s fps", { count: number(fps) }) : "");
    this.#drawNumbers();
  }

  #drawNumbers() {
    if (!byId("numbers").open || !this.#viewer) return;
    const { picture } = this.#viewer;
    const { status } = this.#steering.camera;
    const { received, ...broken } = status.frames ?? {};
    const rows = [
      [_("Picture"), picture.drawnAt === null ? "–" : _("%(width)s × %(height)s, %(size)s", { width: number(picture.size.width), height: number(picture.size.height), size: inKilobytes(picture.bytes) })],
      [_("Age when shown"), this.#latency === null ? "–" : inMilliseconds(this.#latency)],
      [_("Shown here"), _("%(count)s fps", { count: number(picture.fps) })],
      [_("From the camera"), _("%(count)s fps", { count: number(status.fps ?? 0) })],
      [_("Skipped for you"), number((picture.meta?.dropped ?? 0) + picture.skipped)],
      [_("Received since start"), number(received ?? 0)],
      [_("Damaged and left out"), number(Object.values(broken).reduce((sum, count) => sum + count, picture.broken))],
      [_("Watching this camera"), number(status.viewers)],
    ];
    const list = byId("numbers").querySelector("dl");
    while (list.childElementCount > rows.length) list.lastElementChild.remove();
    rows.forEach(([name, value], index) => {
      const row = list.children[index] ?? list.appendChild(document.createElement("div"));
      if (!row.childElementCount) row.append(document.createElement("dt"), document.createElement("dd"));
      say(row.children[0], name);
      say(row.children[1], value);
    });
  }
}
