// What is open for pairing: for how long, with which token, and how to end it.

import { api } from "./api.js";
import { kindName } from "./board_words.js";
import { startCopy } from "./clipboard.js";
import { byId, fromTemplate, say } from "./dom.js";
import { _, counted } from "./i18n.js";
import { error } from "./toasts.js";

const LOOK_EVERY = 3000; // ms, while one is open: a board that comes again with a new key is no news elsewhere
const MOST_TRIES = 20;

/** 4:32 */
function countdown(seconds) {
  const left = Math.max(0, Math.ceil(seconds));
  return `${counted(Math.floor(left / 60))}:${counted(left % 60).padStart(2, counted(0))}`;
}

/** Emits "changed" when the server told anything new. */
export class PairingWindows extends EventTarget {
  #list;
  #rows = new Map(); // kind -> element
  #shown = new Map(); // kind -> what the server says but once
  #openings = 0;

  constructor(items) {
    super();
    this.#list = items;
    setInterval(() => this.#draw(), 1000);
    setInterval(() => this.#list.length && !document.hidden && this.refresh(), LOOK_EVERY);
    this.#draw();
  }

  /** Numbers of the boards that have enrolled through what is open now. */
  get enrolled() {
    return this.#list.flatMap(({ devices }) => devices);
  }

  isApproved(mac) {
    return this.#list.some(({ approvals }) => approvals.some((approval) => approval.mac === mac));
  }

  opened({ token, link, qr, ...window }) {
    this.#openings += 1;
    this.#shown.set(window.kind, { token, link, qr, opened_at: window.opened_at });
    this.#rows.get(window.kind)?.remove();
    this.#rows.delete(window.kind);
    this.#list = [...this.#list.filter(({ kind }) => kind !== window.kind), window];
    this.#draw();
    this.#rows.get(window.kind)?.scrollIntoView({ block: "nearest" });
  }

  async refresh() {
    try {
      const openings = this.#openings;
      const { items } = await api.get("pairing");
      // Opened meanwhile: this may tell what was before, and would take the token away that is shown but once.
      if (openings !== this.#openings) return this.refresh();
      this.#list = items;
      this.#draw();
      this.dispatchEvent(new Event("changed"));
    } catch (refusal) {
      error(refusal.message);
    }
  }

  async #close(kind) {
    try {
      await api.delete(`pairing/${kind}`);
    } catch (refusal) {
      if (refusal.code !== "not_found") error(refusal.message); // it has closed by itself
    }
    this.refresh();
  }

  #draw() {
    const open = this.#list.filter(({ expires_at: end }) => new Date(end) > new Date());
    const kinds = new Set(open.map(({ kind }) => kind));
    for (const [kind, row] of this.#rows) {
      if (kinds.has(kind)) continue;
      row.remove();
      this.#rows.delete(kind);
      this.#shown.delete(kind);
    }
    for (const window of open) {
      if (!this.#rows.has(window.kind)) {
        this.#rows.set(window.kind, this.#row(window));
        byId("windows").prepend(this.#rows.get(window.kind));
      }
      this.#drawRow(this.#rows.get(window.kind), window);
    }
  }

  #row({ kind, opened_at: openedAt }) {
    const row = fromTemplate("window");
    const slot = (name) => row.querySelector(`[data-slot="${name}"]`);
    say(slot("kind"), kindName(kind));
    row.querySelector('[data-act="close"]').addEventListener("click", () => this.#close(kind));
    startCopy(row.querySelector('[data-act="copy"]'), slot("token"));
    const shown = this.#shown.get(kind);
    slot("secret").hidden = shown?.opened_at !== openedAt;
    if (shown) {
      row.querySelector(".qr").src = shown.qr;
      say(slot("token"), shown.token);
      say(slot("link"), shown.link);
    }
    return row;
  }

  #drawRow(row, window) {
    const slot = (name) => row.querySelector(`[data-slot="${name}"]`);
    say(slot("left"), _("is let in for another %(time)s", { time: countdown((new Date(window.expires_at) - new Date()) / 1000) }));
    const how = [_("Opened by %(name)s.", { name: window.opened_by })];
    if (window.allow_unencrypted) how.push(_("Unencrypted connections are allowed."));
    if (window.open_to_network) how.push(_("Anybody in the network may fetch a token."));
    if (window.tries_left < MOST_TRIES) how.push(_("Wrong tokens were shown; after %(count)s more it closes.", { count: counted(window.tries_left) }));
    say(slot("how"), how.join(" "));
    // A token of an earlier opening is not known here, nor anywhere.
    slot("secret").hidden = this.#shown.get(window.kind)?.opened_at !== window.opened_at || window.devices.length > 0;
    say(slot("waiting"), window.devices.length ? _("The token was used.") : _("Waiting for the board …"));
  }
}
