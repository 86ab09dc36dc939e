// Recordings in words: why something is missing, what there is at a moment, how a camera records.

import { _, inTime } from "./i18n.js";

/** The cause of a gap -> what was the matter. Functions, so that the texts are looked up when read. */
const CAUSES = {
  camera_offline: () => _("the camera was not connected"),
  camera_asleep: () => _("the camera was asleep"),
  camera_disabled: () => _("the camera was switched off"),
  server_stopped: () => _("CamProxy was not running"),
  disk_full: () => _("the disk was full"),
  disk_missing: () => _("the disk for recordings was not there"),
  encoder_failed: () => _("the video could not be encoded"),
  clock_changed: () => _("the clock was set forward"),
};

export const causeInWords = (cause) => CAUSES[cause]?.() ?? cause;

/** Why there is nothing in a stretch: "the camera was not connected", or that nothing was to be recorded. */
export function whyNothing(footage, from, to) {
  const [cause] = footage.causes(from, to);
  if (cause) return causeInWords(cause);
  if (footage.lost.some((part) => part.from < to && part.to > from)) return _("the file is missing or damaged");
  return _("nothing was to be recorded then");
}

/** What was jumped over, for the eye and for the ear. */
export function jumpInWords(footage, { from, to }) {
  return _("Jumped over %(time)s: %(why)s.", { time: inTime(Math.round((to - from) / 1000)), why: whyNothing(footage, from, to) });
}

export const EVENTS = {
  pir: () => _("Motion, by the sensor"),
  picture: () => _("Motion in the picture"),
};

export const eventInWords = ({ source }) => (EVENTS[source] ?? (() => _("Motion")))();

/** "14:02:33, recorded" or "14:02:33, the camera was not connected". */
export function describeMoment(footage, at) {
  const time = footage.zone.exact(at);
  const part = footage.partAt(at);
  // Whoever went to an event is there, but for what a clock of seconds loses of a millisecond.
  const event = footage.events.find(({ from, to }) => from <= at + 1 && at <= to);
  if (!part) return _("%(time)s, %(what)s", { time, what: whyNothing(footage, at, at + 1) });
  if (event) return _("%(time)s, %(what)s", { time, what: eventInWords(event) });
  return part.protected ? _("%(time)s, recorded and protected", { time }) : _("%(time)s, recorded", { time });
}

/** The fault in recording_state -> what is the matter, what to do. */
const FAULTS = {
  disk_full: () => _("Nothing can be recorded: the disk is full. Delete or unprotect recordings, or let fewer days be kept."),
  disk_missing: () => _("Nothing can be recorded: the disk for recordings is not there. Check that it is plugged in and mounted."),
  encoder_failed: () => _("Nothing can be recorded: the video cannot be encoded. The server's log says more."),
};

export const faultInWords = (fault) => (FAULTS[fault] ?? (() => _("Recording does not work: %(fault)s", { fault })))();

/** Why nothing of a camera is there, and what to switch on: {title, text}. */
export function teachInWords(camera, recording, isAdmin) {
  const title = _("Nothing is recorded on this day");
  const mode = recording?.mode ?? null;
  if (recording?.fault) return { title, text: faultInWords(recording.fault) };
  if (mode === "off") {
    const text = isAdmin
      ? _("Recording of %(name)s is switched off. Switch it on, and this page fills by itself.", { name: camera.name })
      : _("Recording of %(name)s is switched off. Ask your admin to switch it on.", { name: camera.name });
    return { title, text };
  }
  if (mode === "motion") return { title, text: _("%(name)s records when something moves, and nothing has moved, or it has been removed to make room.", { name: camera.name }) };
  if (mode === "schedule") return { title, text: _("%(name)s records at set times, and none was on this day, or it has been removed to make room.", { name: camera.name }) };
  return { title, text: _("Nothing was recorded then, or it has been removed to make room for what is newer.") };
}
