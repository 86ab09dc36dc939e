// The day as a list: every part, gap and event in the order of time; each leads to its moment.

import { byId, fromTemplate, say } from "./dom.js";
import { _ } from "./i18n.js";
import { causeInWords, eventInWords } from "./recordings_words.js";

/** Emits "seek" (detail: the moment that was chosen). */
export class TimelineList extends EventTarget {
  #details = byId("as-list");
  #footage = null;
  #drawn = "";

  constructor() {
    super();
    this.#details.addEventListener("toggle", () => this.#draw());
  }

  open(footage) {
    this.#footage = footage;
    footage.addEventListener("changed", () => footage === this.#footage && this.#draw());
    this.#draw();
  }

  #draw() {
    if (!this.#details.open || !this.#footage) return;
    const entries = entriesOf(this.#footage);
    // Written anew only when it is another: a screen reader may stand on it.
    const told = JSON.stringify(entries);
    if (told === this.#drawn) return;
    this.#drawn = told;
    byId("list").replaceChildren(...entries.map((entry) => this.#row(entry)));
    byId("list-empty").hidden = entries.length > 0;
  }

  #row({ from, to, open, kind, text, picture }) {
    const { zone } = this.#footage;
    const row = fromTemplate("list-row");
    row.dataset.kind = kind;
    const ends = open ? _("now") : zone.exact(to);
    say(row.querySelector("strong"), kind === "event" ? zone.exact(from) : _("%(from)s – %(to)s", { from: zone.exact(from), to: ends }));
    say(row.querySelector("span"), text);
    // Behind the words, which say all that it says to whoever does not see it.
    if (picture) row.firstElementChild.append(Object.assign(new Image(), { loading: "lazy", alt: "", src: picture }));
    row.firstElementChild.addEventListener("click", () => this.dispatchEvent(new CustomEvent("seek", { detail: from })));
    return row;
  }
}

function entriesOf(footage) {
  const recorded = ({ open, protected: kept }) => (open ? _("being recorded") : kept ? _("recorded and protected") : _("recorded"));
  return [
    // How far an open part has come changes all the time, and is not told.
    ...footage.parts.map((part) => ({ kind: "footage", from: part.from, to: part.open ? null : part.to, open: part.open, text: recorded(part) })),
    ...footage.lost.map(({ from, to }) => ({ kind: "lost", from, to, text: _("the file is missing or damaged") })),
    ...footage.gaps.map(({ from, to, cause }) => ({ kind: "gap", from, to, text: causeInWords(cause) })),
    ...footage.events.map((event) => ({
      kind: "event",
      from: event.from,
      to: null,
      text: eventInWords(event),
      picture: event.thumbnail ? `/api/events/${event.id}/thumbnail.jpg` : null,
    })),
  ].sort((a, b) => a.from - b.from);
}
