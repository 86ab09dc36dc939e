// The list of boards on the page of devices.

import { byId, fromTemplate, say } from "./dom.js";
import { cameraOf, describeBoard, kindName, signalInWords, worstAdvice } from "./board_words.js";
import { _ } from "./i18n.js";

export class BoardsList {
  #boards;
  #rows = new Map(); // id -> element

  constructor(boards) {
    this.#boards = boards;
    boards.addEventListener("list", () => this.#draw());
    boards.addEventListener("changed", ({ detail }) => this.#drawRow(this.#rows.get(detail.id), detail));
    this.#draw();
  }

  #draw() {
    const { all } = this.#boards;
    const there = new Set(all.map(({ id }) => id));
    for (const [id, row] of this.#rows) {
      if (there.has(id)) continue;
      row.remove();
      this.#rows.delete(id);
    }
    all.forEach((board, index) => {
      if (!this.#rows.has(board.id)) this.#rows.set(board.id, fromTemplate("board-row"));
      const row = this.#rows.get(board.id);
      this.#drawRow(row, board);
      const list = byId("boards");
      // Moving an element takes its focus away.
      if (list.children[index] !== row) list.insertBefore(row, list.children[index] ?? null);
    });
    byId("no-boards").hidden = all.length > 0;
  }

  #drawRow(row, board) {
    if (!row) return; // not listed yet
    const { tone, state, text } = describeBoard(board.status);
    const slot = (name) => row.querySelector(`[data-slot="${name}"]`);
    row.dataset.tone = tone;
    say(row.querySelector(".row-name"), board.name);
    say(slot("kind"), kindName(board.kind));
    say(row.querySelector(".state-text"), text ? `${state} — ${text}` : state);
    const about = [cameraOf(board)];
    if (board.firmware) about.push(_("firmware %(version)s", { version: board.firmware }));
    if (board.status.online && board.status.rssi !== null) about.push(_("signal %(signal)s", { signal: signalInWords(board.status.rssi) }));
    say(slot("about"), about.join(" · "));
    const worst = worstAdvice(board);
    slot("advice").hidden = !worst;
    slot("advice").dataset.severity = board.advice[0]?.severity ?? "";
    say(slot("advice").lastElementChild, worst);
    const open = row.querySelector("a");
    open.href = `/devices/${board.id}`;
    open.setAttribute("aria-label", _("Details of %(name)s", { name: board.name }));
  }
}
