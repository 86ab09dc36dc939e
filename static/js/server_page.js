// The page of the server: what runs and what it takes, looked up again every two seconds.

import "./shell.js";
import { describeCamera } from "./words.js";
import { byId, fillFigures, say } from "./dom.js";
import { _, counted, day, inBytes, inCelsius, inPercent, inTime, moment, number } from "./i18n.js";
import { pageData, toLogin } from "./page.js";
import { faultInWords } from "./recordings_words.js";

const EVERY = 2000; // milliseconds

let before = null;

/** How much a counter of the server grew in a second since the last look; null at the first. */
function aSecond(stats, counter) {
  if (!before || before.process.started_at !== stats.process.started_at) return null;
  const seconds = stats.process.uptime_seconds - before.process.uptime_seconds;
  return seconds > 0 ? (counter(stats) - counter(before)) / seconds : null;
}

const share = (part, whole) => _("%(part)s of %(whole)s", { part: inBytes(part), whole: inBytes(whole) });
const unknown = (value, inWords) => (value === null ? "–" : inWords(value));

function validity({ ends_at: end, days_left: days, soon }) {
  const inWords = { date: day(end), days: counted(days) };
  if (days < 0) return _("ended on %(date)s: browsers and devices refuse it", inWords);
  return soon ? _("ends on %(date)s (days left: %(days)s). Renew it.", inWords) : _("valid until %(date)s", inWords);
}

function process(stats) {
  const { process: own, certificate } = stats;
  return [
    [_("Release"), stats.version],
    [_("Port"), String(stats.port)],
    [_("Running since"), moment(own.started_at)],
    ...(certificate ? [[_("Certificate"), validity(certificate)]] : []),
    [_("Processor, of one core"), unknown(aSecond(stats, (at) => at.process.cpu_seconds), inPercent)],
    [_("Memory"), inBytes(own.resident_bytes)],
    [_("Threads"), number(own.threads)],
    [_("Open files and connections"), unknown(own.open_files, number)],
  ];
}

function machine({ machine: host }) {
  return [
    [_("Processor cores"), number(host.cpus)],
    [_("Busy cores, over a minute"), number(host.load[0], 2)],
    [_("Memory in use"), share(host.memory_bytes - host.memory_available_bytes, host.memory_bytes)],
    [_("Free disk space"), share(host.disk_free_bytes, host.disk_bytes)],
    [_("Temperature"), unknown(host.temperature_celsius, inCelsius)],
  ];
}

function watching(stats) {
  return [
    [_("Open pages"), number(stats.clients)],
    [_("Pictures being watched"), number(stats.cameras.reduce((sum, camera) => sum + camera.viewers, 0))],
    [_("Pictures sent each second"), unknown(aSecond(stats, (at) => at.frames_sent), number)],
  ];
}

function cameras(stats) {
  return stats.cameras.map((camera) => {
    const { state } = describeCamera({ status: camera, statusAt: performance.now() });
    const inWords = { state, rate: number(camera.fps) };
    return [camera.name, camera.state === "live" ? _("%(state)s, %(rate)s pictures a second", inWords) : state];
  });
}

function recordable({ h264, mjpeg, used }) {
  if (h264 === null) return _("is being measured");
  return _("%(h264)s as H.264 or %(mjpeg)s as MJPEG; in use: %(used)s", {
    h264: number(h264),
    mjpeg: number(mjpeg),
    used: inPercent(used),
  });
}

function copied({ target, waiting, waiting_bytes: bytes, behind_seconds: behind, refused, error }) {
  const inWords = { target, count: number(waiting), size: inBytes(bytes), time: inTime(behind), error };
  if (target === null) return _("are not made");
  if (error) return _("behind by %(time)s: %(error)s", inWords);
  if (refused) return _("refused: %(count)s", { count: number(refused) });
  return waiting ? _("waiting: %(count)s (%(size)s)", inWords) : _("all are at %(target)s", inWords);
}

function recording({ recordings, capacity, copies }) {
  return [
    ...(recordings.trouble ? [[_("Fault"), faultInWords(recordings.trouble)]] : []),
    [_("Cameras being recorded"), number(recordings.cameras.filter((camera) => camera.recording).length)],
    [_("Cameras that can be recorded"), recordable(capacity)],
    [_("Copies"), copied(copies)],
  ];
}

/** In the words of /health and of the log, which are an operator's. */
function wrong({ causes }) {
  byId("wrong").hidden = causes.length === 0;
  if (JSON.stringify(causes) === JSON.stringify(before?.causes)) return; // it may be being read
  const items = causes.map((cause) => Object.assign(document.createElement("li"), { textContent: cause }));
  byId("causes").replaceChildren(...items);
}

function show(stats) {
  wrong(stats);
  for (const [id, rows] of Object.entries({ process, machine, watching, cameras, recording })) fillFigures(byId(id), rows(stats));
  before = stats;
}

async function look() {
  if (document.hidden) return;
  try {
    const response = await fetch("stats", { headers: { Accept: "application/json" } });
    if (response.status === 401) toLogin();
    if (!response.ok) throw new Error(response.statusText);
    show(await response.json());
    byId("away").hidden = true;
  } catch {
    say(byId("away"), _("CamProxy cannot be reached. Check your network, then try again."));
    byId("away").hidden = false;
  }
}

show(pageData.stats);
setInterval(look, EVERY);
