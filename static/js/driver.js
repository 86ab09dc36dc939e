// Who is steering, and how to get the wheel.

import { byId, say } from "./dom.js";
import { _ } from "./i18n.js";
import { me } from "./page.js";

export class Driver {
  #steering;

  constructor(steering) {
    this.#steering = steering;
    byId("ask").addEventListener("click", () => steering.askFor());
    byId("take-over").addEventListener("click", () => steering.takeOver());
    byId("release").addEventListener("click", () => steering.release());
  }

  draw() {
    const { control, can } = this.#steering.camera;
    const { holder, mine, asked_by: askedBy } = control ?? {};
    const other = Boolean(holder) && !mine;
    const iAsked = other && askedBy === me.username;
    byId("driver").dataset.who = mine ? "me" : other ? "other" : "nobody";
    say(byId("driver-text"), this.#steering.headIsAway ?? this.#sentence({ holder, mine, askedBy, iAsked }));
    byId("ask").hidden = !can.control || !other || iAsked;
    byId("take-over").hidden = !other || !me.is_admin;
    byId("release").hidden = !mine;
    say(byId("release"), mine && askedBy ? _("Hand over") : _("Let go"));
  }

  #sentence({ holder, mine, askedBy, iAsked }) {
    if (mine) return askedBy ? _("You are steering. %(name)s asks for it.", { name: askedBy }) : _("You are steering");
    if (iAsked) return _("%(name)s is steering. You have asked.", { name: holder });
    if (holder) return _("%(name)s is steering", { name: holder });
    return _("Nobody is steering");
  }
}
