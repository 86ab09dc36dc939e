// The page on which a board is added: by a token, or by the code that it shows.

import "./shell.js";
import { api } from "./api.js";
import { Boards } from "./boards.js";
import { kindName } from "./board_words.js";
import { Cameras } from "./cameras.js";
import { onSubmit } from "./dialogs.js";
import { byId, fromTemplate, say } from "./dom.js";
import { FoundBoards } from "./found_boards.js";
import { _ } from "./i18n.js";
import { PairingWindows } from "./pairing_windows.js";
import { pageData } from "./page.js";
import { Server } from "./server.js";

const cameras = new Cameras(pageData.cameras);
const server = new Server(cameras);
const boards = new Boards(pageData.devices, server, cameras);
const windows = new PairingWindows(pageData.windows);
const found = new FoundBoards(pageData.found, windows);
const arrived = new Set();
const before = new Set(boards.all.map(({ id }) => id));

/** The board that has just enrolled, with the way to it. */
function welcome(board, again) {
  if (arrived.has(board.id)) return;
  arrived.add(board.id);
  const row = fromTemplate("arrival");
  const names = { name: board.name, kind: kindName(board.kind) };
  say(row.querySelector("span"), again ? _("%(name)s (%(kind)s) is back, with a new key.", names) : _("%(name)s (%(kind)s) has come.", names));
  const link = row.querySelector("a");
  link.href = `/devices/${board.id}`;
  link.setAttribute("aria-label", _("Look at %(name)s", names));
  byId("arrivals").prepend(row);
  row.scrollIntoView({ block: "nearest" });
}

/** New ones are in the list; known ones that came again are told by the window through which they did. */
function look() {
  for (const board of boards.all) if (!before.has(board.id)) welcome(board, false);
  for (const id of windows.enrolled) if (boards.find(id)) welcome(boards.find(id), before.has(id));
}

boards.addEventListener("list", async () => {
  look();
  await Promise.all([windows.refresh(), found.refresh()]);
});
windows.addEventListener("changed", () => {
  look();
  found.draw();
});
server.addEventListener("boards_found", () => found.refresh());

onSubmit(byId("open"), async ({ elements }) => {
  const { kind, minutes, allow_unencrypted: unencrypted, open_to_network: network } = elements;
  windows.opened(
    await api.post("pairing", {
      kind: kind.value,
      minutes: minutes.valueAsNumber,
      allow_unencrypted: unencrypted.checked,
      open_to_network: network.checked,
    }),
  );
});
look();
