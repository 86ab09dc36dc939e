// The page of one board: how it is, what is wrong, what it can be told.

import "./shell.js";
import { Boards } from "./boards.js";
import { boardObstacle, describeBoard, kindName, resetInWords, signalInWords } from "./board_words.js";
import { Cameras } from "./cameras.js";
import { DeviceConfig } from "./device_config.js";
import { DeviceEvents } from "./device_events.js";
import { DeviceLog } from "./device_log.js";
import { startDeviceAdmin } from "./device_admin.js";
import { startOrders } from "./device_orders.js";
import { DeviceUpdate } from "./device_update.js";
import { byId, fillFigures, fromTemplate, say } from "./dom.js";
import { _, inBytes, inCelsius, inTime, moment, number } from "./i18n.js";
import { me, pageData } from "./page.js";
import { Server } from "./server.js";

const { id, kind } = pageData.device;
const cameras = new Cameras(pageData.cameras);
const server = new Server(cameras);
const boards = new Boards([pageData.device], server, cameras);
const config = new DeviceConfig(id, pageData.device.configuration, pageData.defaults);
const events = new DeviceEvents(id);
const update = kind === "esp32cam" ? new DeviceUpdate(id, pageData.device.update, pageData.firmware, () => events.refresh()) : null;
new DeviceLog(id, server);
startOrders(id, () => boards.find(id));
if (me.is_admin) startDeviceAdmin(() => boards.find(id), boards);

const known = (value, inWords) => (value === null || value === undefined ? "–" : inWords(value));

function figures(board) {
  const { status } = board;
  const memory = (bytes) => inBytes(bytes);
  const rows = [
    [_("Kind"), kindName(kind)],
    [_("Camera"), board.camera?.name ?? "–"],
    [_("Address"), status.address || "–"],
    [_("Wi-Fi signal"), known(status.rssi, signalInWords)],
    [_("Free memory"), known(status.free_heap, memory)],
    [_("Largest free piece"), known(status.largest_block, memory)],
    [_("Temperature"), known(status.temperature, inCelsius)],
    [_("Running for"), known(status.uptime_ms, (uptime) => inTime(uptime / 1000))],
    [_("Why it started"), resetInWords(status.reset, status.reset_reason) || "–"],
    [_("Firmware"), board.firmware || "–"],
    [_("MAC address"), board.mac],
    [_("Here since"), moment(board.created_at)],
  ];
  if (kind === "esp32cam") {
    rows.push(
      [_("Pictures received"), number(status.frames_received)],
      [_("Pictures it left out"), known(status.frames_skipped, number)],
      [_("Damaged and left out"), number(board.bad_frames)],
    );
  }
  rows.push([_("Messages not understood"), number(status.ignored)]);
  return rows;
}

function adviceRow({ severity, sentence, remedy }) {
  const row = fromTemplate("advice-row");
  row.dataset.severity = severity;
  say(row.querySelector("strong"), sentence);
  say(row.querySelector(".muted"), remedy);
  return row;
}

let told = "";

/** Written anew only when it is another: a screen reader may stand on it. */
function drawAdvice({ advice }) {
  if (JSON.stringify(advice) === told) return;
  told = JSON.stringify(advice);
  byId("advice").replaceChildren(...advice.map(adviceRow));
  byId("no-advice").hidden = advice.length > 0;
}

let lastState = null;
let leaving = false;

function draw() {
  const board = boards.find(id);
  if (!board) {
    // It was removed, or is no longer this person's business. A second departure would end the first.
    if (!leaving) location.assign("/devices");
    leaving = true;
    return;
  }
  const { tone, state, text } = describeBoard(board.status);
  byId("state").dataset.tone = tone;
  say(byId("state").querySelector(".state-text"), text ? `${state} — ${text}` : state);
  say(byId("name"), board.name);
  document.title = `${board.name} · CamProxy`;
  byId("watch").hidden = !board.camera;
  if (board.camera) byId("watch").href = `/?camera=${encodeURIComponent(board.camera.slug)}`;
  fillFigures(byId("figures"), figures(board));
  drawAdvice(board);
  config.isOnline(board.status.online);
  update?.isOnline(board.status.online);
  if (lastState !== null && lastState !== board.status.state) events.refresh();
  lastState = board.status.state;
  byId("main").dispatchEvent(new CustomEvent("board", { detail: { board, obstacle: boardObstacle(board.status) } }));
}

boards.addEventListener("list", draw);
boards.addEventListener("changed", ({ detail }) => detail.id === id && draw());
draw();
