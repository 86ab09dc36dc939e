// The cameras on the page of devices, for admins: list, add, edit, test, switch on and off, remove.

import { api } from "./api.js";
import { describeBoard } from "./board_words.js";
import { confirm, onSubmit, openForm } from "./dialogs.js";
import { byId, fromTemplate, say } from "./dom.js";
import { _, inKilobytes, inMilliseconds, number } from "./i18n.js";
import { MotionAdmin } from "./motion_admin.js";
import { recordingForm } from "./recording_form.js";
import { error, note } from "./toasts.js";
import { describeCamera, reasonInWords } from "./words.js";

const BRAND_NEW = { name: "", url: "", pico: null, fps: 10, enabled: true, has_head: true, has_light: true, everyone: "view", limits: { x: [0, 180], y: [0, 180] } };

let server, cameras, boards, motion; // set at the start
const rows = new Map(); // camera id -> element
const dialog = byId("camera-dialog");
let edited = null; // the camera in the dialog; null for a new one

function testInWords(result) {
  if (!result.ok) return _("No picture. %(reason)s", { reason: reasonInWords(result.reason) });
  return _("A picture of %(width)s × %(height)s (%(size)s) came after %(time)s.", {
    width: number(result.width),
    height: number(result.height),
    size: inKilobytes(result.bytes),
    time: inMilliseconds(result.milliseconds),
  });
}

/** Test an address and tell the result in `place`. The camera's id lets the server fill in a hidden password. */
async function test(url, camera, place, button) {
  button.disabled = true;
  say(place, _("Asking the camera for a picture …"));
  try {
    say(place, testInWords(await api.post("cameras/test", camera ? { url, camera: camera.id } : { url })));
  } catch (refusal) {
    say(place, refusal.message);
  } finally {
    button.disabled = false;
  }
}

async function change(action, done) {
  try {
    await action();
    await server.refresh();
    note(done);
  } catch (refusal) {
    error(refusal.message);
  }
}

async function remove(camera) {
  const sure = await confirm({
    title: _("Remove “%(name)s”?", { name: camera.name }),
    text: _("Its presets and everybody's permissions for it go with it. The board itself is not touched."),
    yes: _("Remove"),
  });
  if (sure) change(() => api.delete(`cameras/${camera.id}`), _("%(name)s was removed.", { name: camera.name }));
}

function toggle({ id, name, settings }) {
  const enabled = !settings.enabled;
  const done = enabled ? _("%(name)s is switched on.", { name }) : _("%(name)s is switched off.", { name });
  change(() => api.patch(`cameras/${id}`, { enabled }), done);
}

/** The number of the board that an address names, as in device:7; null for all others. */
function boardOf(url) {
  const found = /^device:(\d+)$/.exec(url);
  return found ? Number(found[1]) : null;
}

/** A board as a choice: its name, and how it is. */
const option = (board, value) => new Option(_("%(name)s (%(state)s)", { name: board.name, state: describeBoard(board.status).state }), value);

function offerBoards({ elements }, settings) {
  const of = (kind) => boards.all.filter((board) => board.kind === kind);
  elements.source.replaceChildren(new Option(_("An address in the network"), ""), ...of("esp32cam").map((board) => option(board, `device:${board.id}`)));
  if (boardOf(settings.url) !== null && !boards.find(boardOf(settings.url))) elements.source.add(new Option(_("A board that was removed"), settings.url));
  elements.source.value = boardOf(settings.url) === null ? "" : settings.url;
  elements.source.closest(".field").hidden = elements.source.length < 2;
  elements.pico.replaceChildren(new Option(_("The camera's own board"), ""), ...of("pico").map((board) => option(board, board.id)));
  elements.pico.value = settings.pico ?? "";
  elements.pico.closest(".field").hidden = elements.pico.length < 2;
  showAddress();
}

/** A board that dials in has no address to be typed or tested. */
function showAddress() {
  const byAddress = !byId("source").value;
  byId("by-address").hidden = !byAddress;
  byId("url").required = byAddress;
}

function open(camera) {
  edited = camera;
  const settings = camera?.settings ?? BRAND_NEW;
  openForm(dialog, (form) => {
    const { elements } = form;
    byId("camera-title").textContent = camera ? _("Edit %(name)s", { name: camera.name }) : _("Add a camera");
    say(byId("test-result"), "");
    for (const name of ["name", "fps", "everyone"]) elements[name].value = settings[name];
    elements.url.value = boardOf(settings.url) === null ? settings.url : "";
    offerBoards(form, settings);
    for (const name of ["enabled", "has_head", "has_light"]) elements[name].checked = settings[name];
    [elements.x_min.value, elements.x_max.value] = settings.limits.x;
    [elements.y_min.value, elements.y_max.value] = settings.limits.y;
  });
  recordingForm.open(camera).catch((refusal) => error(refusal.message));
}

function settingsOf({ elements }) {
  const whole = (name) => elements[name].valueAsNumber;
  return {
    name: elements.name.value.trim(),
    url: elements.source.value || elements.url.value.trim(),
    pico: elements.pico.value ? Number(elements.pico.value) : null,
    fps: whole("fps"),
    everyone: elements.everyone.value,
    enabled: elements.enabled.checked,
    has_head: elements.has_head.checked,
    has_light: elements.has_light.checked,
    limits: { x: [whole("x_min"), whole("x_max")], y: [whole("y_min"), whole("y_max")] },
  };
}

function newRow(id) {
  const row = fromTemplate("row");
  const camera = () => cameras.find(id);
  const act = (name, action) => row.querySelector(`[data-act="${name}"]`).addEventListener("click", ({ currentTarget }) => action(camera(), currentTarget));
  act("test", (current, button) => test(current.settings.url, current, row.querySelector(".row-why"), button));
  act("edit", open);
  act("motion", (camera) => motion.open(camera));
  act("enable", toggle);
  act("remove", remove);
  return row;
}

function drawRow(row, camera) {
  const { name, slug, settings } = camera;
  const { tone, state, text } = describeCamera(camera);
  row.dataset.tone = tone;
  say(row.querySelector(".row-name"), name);
  const board = boardOf(settings.url);
  say(row.querySelector('[data-slot="url"]'), board === null ? settings.url : "");
  say(row.querySelector('[data-slot="board"]'), board === null ? "" : (boards.find(board)?.name ?? _("A board that was removed")));
  row.querySelector('[data-act="test"]').hidden = board !== null; // what it sends shows by itself
  say(row.querySelector(".state-text"), text && settings.enabled ? `${state} — ${text}` : state);
  row.querySelector('[data-act="watch"]').href = `/?camera=${encodeURIComponent(slug)}`;
  say(row.querySelector('[data-act="enable"]'), settings.enabled ? _("Switch off") : _("Switch on"));
}

function draw() {
  const known = new Set(cameras.all.map(({ id }) => id));
  for (const [id, row] of rows) {
    if (known.has(id)) continue;
    row.remove();
    rows.delete(id);
  }
  cameras.all.forEach((camera, index) => {
    if (!rows.has(camera.id)) rows.set(camera.id, newRow(camera.id));
    const row = rows.get(camera.id);
    drawRow(row, camera);
    // Moving an element takes its focus away.
    if (byId("list").children[index] !== row) byId("list").insertBefore(row, byId("list").children[index] ?? null);
  });
  byId("none").hidden = cameras.all.length > 0;
}

export function startCamerasAdmin(itsServer, itsCameras, itsBoards) {
  [server, cameras, boards] = [itsServer, itsCameras, itsBoards];
  motion = new MotionAdmin(cameras);
  onSubmit(dialog.querySelector("form"), async (form) => {
    const settings = settingsOf(form);
    // A camera that is added but whose recording was refused is there: saving again changes it.
    edited = edited ? await api.patch(`cameras/${edited.id}`, settings) : await api.post("cameras", settings);
    await recordingForm.save(edited);
    await server.refresh();
  });
  // A field that is wrong must be seen, also inside the folded part.
  dialog.addEventListener("invalid", ({ target }) => target.closest("details")?.setAttribute("open", ""), true);
  recordingForm.start();
  byId("source").addEventListener("change", showAddress);
  byId("test-address").addEventListener("click", ({ currentTarget }) => test(byId("url").value.trim(), edited, byId("test-result"), currentTarget));
  byId("add").addEventListener("click", () => open(null));
  for (const happening of ["list", "changed"]) {
    cameras.addEventListener(happening, draw);
    boards.addEventListener(happening, draw);
  }
  setInterval(draw, 1000); // countdowns
  draw();
  openWanted();
}

/** The page of recordings leads here: /devices?recording=<camera>. */
function openWanted() {
  const camera = cameras.find(new URLSearchParams(location.search).get("recording"));
  if (!camera) return;
  history.replaceState(null, "", location.pathname);
  open(camera);
  byId("recording-settings").open = true;
}
