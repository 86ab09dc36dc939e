// The boards that announce themselves in the network, and how to approve one.

import { api } from "./api.js";
import { kindName } from "./board_words.js";
import { onSubmit } from "./dialogs.js";
import { byId, fromTemplate, say } from "./dom.js";
import { _ } from "./i18n.js";
import { error } from "./toasts.js";

export class FoundBoards {
  #list;
  #windows;
  #rows = new Map(); // MAC -> element

  constructor(items, windows) {
    this.#list = items;
    this.#windows = windows;
    this.draw();
  }

  async refresh() {
    try {
      this.#list = (await api.get("pairing/found")).items;
      this.draw();
    } catch (refusal) {
      error(refusal.message);
    }
  }

  draw() {
    const there = new Set(this.#list.map(({ mac }) => mac));
    for (const [mac, row] of this.#rows) {
      if (there.has(mac)) continue;
      row.remove();
      this.#rows.delete(mac);
    }
    for (const board of this.#list) {
      if (!this.#rows.has(board.mac)) {
        this.#rows.set(board.mac, this.#row(board));
        byId("found").append(this.#rows.get(board.mac));
      }
      this.#drawRow(this.#rows.get(board.mac), board);
    }
    byId("none-found").hidden = this.#list.length > 0;
  }

  #row({ mac, kind }) {
    const row = fromTemplate("found-row");
    const input = row.querySelector("input");
    input.id = `code-${mac}`;
    row.querySelector("label").htmlFor = input.id;
    onSubmit(row.querySelector("form"), async ({ elements }) => {
      const unencrypted = byId("approve-unencrypted").checked;
      await api.post("pairing/approve", { kind, mac, code: elements.code.value, allow_unencrypted: unencrypted });
      elements.code.value = "";
      await this.#windows.refresh();
    });
    return row;
  }

  #drawRow(row, board) {
    const slot = (name) => row.querySelector(`[data-slot="${name}"]`);
    say(row.querySelector(".row-name"), board.name);
    say(slot("kind"), kindName(board.kind));
    const about = [board.address, board.mac];
    if (board.version) about.push(_("firmware %(version)s", { version: board.version }));
    say(slot("about"), about.join(" · "));
    const approved = this.#windows.isApproved(board.mac);
    say(slot("state"), this.#inWords(board, approved));
    const link = row.querySelector('[data-act="open"]');
    link.hidden = board.device === null;
    if (board.device !== null) {
      link.href = `/devices/${board.device}`;
      link.setAttribute("aria-label", _("Look at %(name)s", { name: board.name }));
    }
    // One that has its key needs no approval; one that has lost it does again.
    row.querySelector("form").hidden = board.device !== null && board.paired;
    say(row.querySelector("form button"), approved ? _("Approve again") : _("Approve"));
  }

  #inWords({ device, paired }, approved) {
    if (approved) return _("Approved. Waiting for the board to come …");
    if (device !== null) return paired ? _("Belongs to this server already.") : _("Was here before, and asks to be let in again.");
    return paired ? _("Says that it belongs to a server already.") : _("Waits to be let in.");
  }
}
