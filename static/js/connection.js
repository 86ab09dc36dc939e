// The line that says that CamProxy itself is away, and the number of people who watch.

import { byId, say } from "./dom.js";
import { _, counted } from "./i18n.js";

const PATIENCE = 1500; // a short gap is nobody's business

export function showConnection(server) {
  const line = byId("connection");
  let timer = null;
  server.addEventListener("connection", () => {
    clearTimeout(timer);
    if (server.connected && !server.stopping) {
      line.hidden = true;
      return;
    }
    timer = setTimeout(() => {
      say(line, server.stopping ? _("CamProxy is being restarted. This page comes back by itself.") : _("No connection to CamProxy. Trying again …"));
      line.hidden = false;
    }, PATIENCE);
  });
}

export function showWatching(server) {
  server.addEventListener("watching", () => {
    byId("watching").hidden = false;
    say(byId("watching-text"), _("%(count)s watching", { count: counted(server.watching) }));
  });
}
