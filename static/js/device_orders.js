// What a board can be told: ping, restart, sleep, send a picture. Each says what came of it.

import { api } from "./api.js";
import { confirm, onSubmit, openForm } from "./dialogs.js";
import { byId, say, setWhyNot, whyNot } from "./dom.js";
import { _, inMilliseconds } from "./i18n.js";

const ORDERS = ["ping", "capture", "sleep", "restart"];

/** `board` gives the board as it is known now. */
export function startOrders(id, board) {
  const result = byId("order-result");
  let busy = false;

  async function carryOut(order, body, done) {
    busy = true;
    say(result, _("Asking the board …"));
    try {
      say(result, done(await api.post(`devices/${id}/${order}`, body)));
    } finally {
      busy = false;
    }
  }

  async function tried(order, done) {
    try {
      await carryOut(order, undefined, done);
    } catch (refusal) {
      say(result, refusal.message);
    }
  }

  const actions = {
    ping: () => tried("ping", ({ milliseconds }) => _("It answered after %(time)s.", { time: inMilliseconds(milliseconds) })),
    capture: () => tried("capture", () => _("It is sending one.")),
    sleep: () => openForm(byId("sleep-dialog")),
    restart: async () => {
      const sure = await confirm({
        title: _("Restart %(name)s?", { name: board().name }),
        text: _("It is away for some seconds, and then comes back by itself."),
        yes: _("Restart"),
      });
      if (sure) tried("restart", () => _("It is restarting."));
    },
  };

  for (const [order, action] of Object.entries(actions)) {
    byId(order)?.addEventListener("click", ({ currentTarget }) => {
      if (whyNot(currentTarget)) say(result, whyNot(currentTarget));
      else if (!busy) action();
    });
  }
  if (byId("sleep-dialog")) {
    onSubmit(byId("sleep-dialog").querySelector("form"), ({ elements }) =>
      carryOut("sleep", { seconds: elements.minutes.valueAsNumber * 60 }, () => _("It is going to sleep.")),
    );
  }
  byId("main").addEventListener("board", ({ detail: { obstacle } }) => {
    for (const order of ORDERS) if (byId(order)) setWhyNot(byId(order), obstacle);
  });
}
