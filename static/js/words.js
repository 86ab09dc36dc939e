// What is the matter with a camera, in words: one table, one decision.

import { _, inSeconds, moment } from "./i18n.js";

const FROZEN_AFTER = 3; // seconds

/** The reason of a camera_status -> what it means, what to do. Functions, so that the texts are looked up when read. */
const REASONS = {
  refused: () => _("The camera is there but refuses the connection. Check the port in its address, and whether another program is using it."),
  timeout: () => _("The camera does not answer. Check its power and its Wi-Fi."),
  unreachable: () => _("There is no way to the camera's network. Check that it and this server are on the same network."),
  unknown_host: () => _("Nothing on the network has this name. Check the camera's address."),
  handshake: () => _("Something answers at this address, but it is not a camera. Check the port and the path."),
  unauthorized: () => _("The camera wants a user name and a password. Put them into its address."),
  closed: () => _("The camera closed the connection. It may have restarted."),
  silent: () => _("The camera is connected but sends no pictures. Switching it off and on often helps."),
  bad_frames: () => _("The pictures arrive damaged. Weak Wi-Fi or a weak power supply is the usual cause."),
  tls: () => _("The secure connection failed. Check the camera's certificate."),
  asleep: () => _("The camera's board is asleep. It comes by itself when it wakes, for example at motion."),
  no_device: () => _("The camera's board was removed. Choose another one for it under Devices."),
  replaced: () => _("Another board came with the same key. Give each board a key of its own."),
  revoked: () => _("The camera's board was switched off here, or its key was taken away."),
  unknown: () => _("Nobody knows why yet. The server's log says more."),
};

export const reasonInWords = (reason) => (REASONS[reason] ?? REASONS.unknown)();

function attempt(camera) {
  const { retry_in: wait } = camera.status;
  if (wait === null || wait === undefined) return "";
  const left = Math.ceil(wait - (performance.now() - camera.statusAt) / 1000);
  return left > 0 ? _("Next attempt in %(time)s.", { time: inSeconds(left) }) : _("Trying again now.");
}

const CAMERA_STATES = {
  disabled: () => ({ tone: "off", state: _("switched off"), title: _("Switched off"), text: _("An admin has switched this camera off.") }),
  connecting: () => ({ tone: "wait", state: _("connecting"), title: _("Connecting to the camera"), text: "" }),
  idle: () => ({ tone: "idle", state: _("ready"), title: _("Waiting for the first picture"), text: "" }),
  live: () => ({ tone: "live", state: _("live"), title: "", text: "" }),
  stalled: (camera) => ({
    tone: "wait",
    state: _("no pictures since %(time)s", { time: moment(camera.status.since) }),
    title: _("No pictures since %(time)s", { time: moment(camera.status.since) }),
    text: reasonInWords(camera.status.reason ?? "silent"),
  }),
  offline: (camera) => ({
    tone: "bad",
    state: _("offline since %(time)s", { time: moment(camera.status.since) }),
    title: _("Offline since %(time)s", { time: moment(camera.status.since) }),
    text: [reasonInWords(camera.status.reason), attempt(camera)].filter(Boolean).join(" "),
  }),
};

/** {kind, tone, state, title, text} of the camera itself, wherever nobody watches its pictures. */
export function describeCamera(camera) {
  const { state: kind } = camera.status;
  return { kind, ...(CAMERA_STATES[kind] ?? CAMERA_STATES.idle)(camera) };
}

/**
 * The same for a picture on the screen. `stream` is the Stream's state and retryAt, `age` the seconds since the newest
 * picture was drawn, or null.
 */
export function describePicture(camera, stream, age) {
  switch (stream.state) {
    case "forbidden":
      return { kind: "forbidden", tone: "bad", state: _("not allowed"), title: _("You may not see this camera any more"), text: _("Ask your admin if that is a mistake.") };
    case "gone":
      return { kind: "gone", tone: "bad", state: _("removed"), title: _("This camera was removed"), text: "" };
    case "waiting": {
      const time = inSeconds(Math.max(1, Math.ceil((stream.retryAt - performance.now()) / 1000)));
      return { kind: "waiting", tone: "wait", state: _("reconnecting in %(time)s", { time }), title: _("Reconnecting in %(time)s", { time }), text: _("The connection to CamProxy was lost.") };
    }
  }
  if (camera.status.state !== "live" && camera.status.state !== "idle") return describeCamera(camera);
  const live = { kind: "live", tone: "live", state: _("live"), title: "", text: "" };
  if (stream.state === "fallback") return live; // an <img> does not tell when its pictures stop; the camera's state does
  if (age === null) return { kind: "first", tone: "wait", state: _("connecting"), title: _("Waiting for the first picture"), text: "" };
  if (age < FROZEN_AFTER) return live;
  const time = inSeconds(Math.floor(age));
  return { kind: "frozen", tone: "wait", state: _("frozen for %(time)s", { time }), title: _("This picture is %(time)s old", { time }), text: "" };
}
