// What is known of a board, in words: one table for each thing.

import { _, counted, inDecibels, moment } from "./i18n.js";

const KINDS = { esp32cam: "ESP32-CAM", pico: "Pico" };
export const kindName = (kind) => KINDS[kind] ?? kind;

/** Why a connection ended. What is not listed needs no explanation. */
const WENT = {
  silent: () => _("It fell silent: no power, or no Wi-Fi."),
  closed: () => _("It ended the connection, or the network did."),
  timeout: () => _("It took nothing any more: no power, or a weak Wi-Fi signal."),
  handshake: () => _("It sent what is no WebSocket message. Update its firmware."),
  bad_frames: () => _("It sent more, or larger messages, than a board may."),
  replaced: () => _("Another connection with the same key took its place."),
  revoked: () => _("It was switched off here, or its key was taken away."),
};
export const wentInWords = (reason) => WENT[reason]?.() ?? "";

const since = (status) => moment(status.since ?? status.last_seen);

const STATES = {
  disabled: () => ({ tone: "off", state: _("switched off"), text: _("It is not let in.") }),
  never: () => ({ tone: "off", state: _("has never come"), text: _("It has a key, and has not used it yet.") }),
  online: (status) => ({ tone: "live", state: _("online since %(time)s", { time: since(status) }), text: "" }),
  asleep: (status) => ({ tone: "idle", state: _("asleep since %(time)s", { time: since(status) }), text: _("It comes by itself when it wakes.") }),
  offline: (status) => ({ tone: "bad", state: _("offline since %(time)s", { time: since(status) }), text: wentInWords(status.reason) }),
  stale: (status) => ({ tone: "bad", state: _("not seen since %(time)s", { time: since(status) }), text: _("That is more than a day.") }),
};

/** {tone, state, text} */
export const describeBoard = (status) => STATES[status.state](status);

/** Why it cannot be told anything just now, or null. */
export function boardObstacle({ state }) {
  if (state === "online") return null;
  if (state === "disabled") return _("The board is switched off here.");
  if (state === "asleep") return _("The board is asleep.");
  return _("The board is not connected.");
}

const SIGNALS = [
  [-60, () => _("very good")],
  [-67, () => _("good")],
  [-75, () => _("fair")],
  [-85, () => _("weak")],
  [-Infinity, () => _("too weak")],
];

/** good (−62 dBm) */
export function signalInWords(rssi) {
  const [, quality] = SIGNALS.find(([least]) => rssi >= least);
  return _("%(quality)s (%(decibels)s)", { quality: quality(), decibels: inDecibels(rssi) });
}

const RESETS = {
  power_on: () => _("it was switched on"),
  external: () => _("its reset button, or a programmer"),
  software: () => _("it was told to, or had new firmware"),
  panic: () => _("its firmware crashed"),
  watchdog: () => _("it hung, and its watchdog restarted it"),
  deep_sleep: () => _("it woke from sleep"),
  brownout: () => _("the supply voltage sagged"),
};
/** "brownout" may be what it said itself: what nobody knows is told as it was told. */
export const resetInWords = (reset, said) => RESETS[reset]?.() ?? said ?? "";

export function cameraOf(board) {
  const { camera, kind } = board;
  if (!camera) return _("belongs to no camera");
  return kind === "pico" ? _("moves %(camera)s", { camera: camera.name }) : _("is the camera %(camera)s", { camera: camera.name });
}

/** The worst in one sentence, and how much else there is; empty for a board that is well. */
export function worstAdvice({ advice }) {
  if (!advice.length) return "";
  const [{ sentence }] = advice;
  return advice.length > 1 ? _("%(sentence)s And %(count)s more.", { sentence, count: counted(advice.length - 1) }) : sentence;
}
