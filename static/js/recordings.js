// The page of recordings: the table of contents.

import "./shell.js";
import { Calendar } from "./calendar.js";
import { Cameras } from "./cameras.js";
import { showConnection } from "./connection.js";
import { byId, say, whyNot } from "./dom.js";
import { Exports } from "./exports.js";
import { _ } from "./i18n.js";
import { Lookback } from "./lookback.js";
import { me, pageData } from "./page.js";
import { Player } from "./player.js";
import { PlayerView } from "./player_view.js";
import { Preview } from "./preview.js";
import { Range } from "./range.js";
import { RecordingCard } from "./recording_card.js";
import { startRecordingsKeys } from "./recordings_keys.js";
import { jumpInWords } from "./recordings_words.js";
import { Server } from "./server.js";
import { Timeline } from "./timeline.js";
import { TimelineList } from "./timeline_list.js";
import { error } from "./toasts.js";
import { saveAs, startFullScreen } from "./tools.js";
import { Zone } from "./zone.js";

const TEN_SECONDS = 10_000;

const cameras = new Cameras(pageData.cameras);
const server = new Server(cameras);
const now = () => server.now() * 1000;
const zone = new Zone(pageData.zone);
const lookback = new Lookback(cameras, zone, now);
const player = new Player(byId("video"), byId("pictures"));
const view = new PlayerView(player);
const preview = new Preview();
const timeline = new Timeline(preview);
const list = new TimelineList();
const card = new RecordingCard(zone);
const calendar = new Calendar(zone, now);
const exports = new Exports(zone);
const range = new Range(zone, () => player.position, (marked) => exports.save(marked));

showConnection(server);
say(byId("zone"), _("Times: %(zone)s", { zone: zone.inWords }));

// Which camera, which day

lookback.addEventListener("open", ({ detail: at }) => {
  const { camera, footage } = lookback;
  server.subscribe(camera.slug);
  player.open(footage);
  view.open(footage);
  preview.open(footage);
  timeline.open(footage);
  list.open(footage);
  range.open(footage);
  card.open(camera);
  calendar.show(camera, footage.day);
  exports.open(camera);
  say(byId("timeline-title"), zone.dayInWords(footage.day));
  const what = _("Recordings");
  document.title = `${what}: ${camera.name} · CamProxy`;
  drawState();
  player.show(at);
});
lookback.addEventListener("news", () => {
  const { footage } = lookback;
  // What is looked at was removed meanwhile, or the first recording of the day has come.
  if (player.position === null ? footage.parts.length : !player.part) player.show(player.position ?? footage.from);
  card.refresh();
  drawState();
});
lookback.addEventListener("recording", () => drawState());
calendar.addEventListener("choose", ({ detail: day }) => lookback.open(lookback.camera, day));

function drawState() {
  const empty = !lookback.footage?.parts.length;
  view.teach = empty ? lookback.teach : null;
  if (me.is_admin) byId("switch-on").hidden = !empty || !lookback.couldBeOn;
  byId("alarm").hidden = !lookback.alarm;
  say(byId("alarm"), lookback.alarm);
}

// Where in the day

/** Go where somebody pointed to; say why, when there is nothing. */
async function seek(at) {
  const { footage } = lookback;
  const there = footage.nearest(at);
  if (there === null) return;
  await player.show(at);
  view.tell(there > at + 1000 ? jumpInWords(footage, { from: at, to: there }) : "");
  lookback.visited(there);
}

const skip = (milliseconds) => player.position !== null && seek(Math.max(lookback.footage.from, player.position + milliseconds));

function toEvent(which) {
  const { footage } = lookback;
  const at = player.position;
  if (at === null) return;
  // Whoever has just come to an event and wants the one before does not want the same again.
  const event = which > 0 ? footage.eventAfter(at + 1) : footage.eventBefore(at - 1000);
  if (event) seek(event.from);
  else view.tell(which > 0 ? _("No event follows on this day.") : _("No event before this on this day."));
}

player.addEventListener("time", () => {
  timeline.position = player.position;
  card.show(player.part);
});
player.addEventListener("end", () => {
  const { footage, camera } = lookback;
  const last = footage.parts.at(-1);
  if (last && footage.to - last.to < TEN_SECONDS && !footage.isToday) {
    // Over midnight.
    lookback.open(camera, zone.after(footage.day), footage.to).then(() => player.play());
  } else view.tell(_("This was the last picture of the day."));
});
timeline.addEventListener("seek", ({ detail }) => seek(detail));
list.addEventListener("seek", ({ detail }) => {
  seek(detail);
  byId("stage").scrollIntoView({ block: "nearest" });
});
range.addEventListener("changed", () => (timeline.range = range.range));
card.addEventListener("changed", () => lookback.refresh());

// What can be done

const press = (id, action) => {
  const button = byId(id);
  const doIt = () => (whyNot(button) ? view.tell(whyNot(button)) : action());
  button.addEventListener("click", doIt);
  return doIt;
};
const snapshot = press("snapshot", async () => {
  const shot = await player.snapshot();
  if (shot) saveAs(shot.blob, `${lookback.camera.slug}-${zone.fileStamp(shot.at)}.jpg`);
  else error(_("There is no picture yet."));
});
const help = press("help", () => byId("help-dialog").showModal());
startRecordingsKeys({
  " ": () => player.toggle(),
  ArrowLeft: () => skip(-TEN_SECONDS),
  ArrowRight: () => skip(TEN_SECONDS),
  ",": press("frame-back", () => player.step(-1)),
  ".": press("frame-on", () => player.step(1)),
  p: press("event-before", () => toEvent(-1)),
  n: press("event-after", () => toEvent(1)),
  "<": () => view.changeSpeed(-1),
  ">": () => view.changeSpeed(1),
  "+": () => timeline.zoom(0.5),
  "=": () => timeline.zoom(0.5), // + without Shift
  "-": () => timeline.zoom(2),
  i: () => range.mark("from", player.position),
  o: () => range.mark("to", player.position),
  s: snapshot,
  f: startFullScreen(byId("stage")),
  "?": help,
});

lookback.fromAddress();
