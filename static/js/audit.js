// The page of the audit log: who did what, the latest first.

import "./shell.js";
import { api } from "./api.js";
import { byId, fromTemplate, say } from "./dom.js";
import { _, moment } from "./i18n.js";
import { pageData } from "./page.js";
import { error } from "./toasts.js";

const ACTIONS = {
  log_in: (names) => _("%(who)s logged in", names),
  log_in_refused: (names) => _("A log-in as %(who)s was refused", names),
  log_out: (names) => _("%(who)s logged out", names),
  sessions_ended: (names) => _("%(who)s ended log-ins of %(subject)s", names),
  password_changed: (names) => _("%(who)s changed their password", names),
  token_made: (names) => _("%(who)s made the token “%(subject)s”", names),
  token_revoked: (names) => _("%(who)s revoked the token “%(subject)s”", names),
  user_added: (names) => _("%(who)s added the user %(subject)s", names),
  user_changed: (names) => _("%(who)s changed the user %(subject)s", names),
  user_removed: (names) => _("%(who)s removed the user %(subject)s", names),
  permissions_changed: (names) => _("%(who)s changed what %(subject)s may do", names),
  camera_added: (names) => _("%(who)s added the camera %(subject)s", names),
  camera_changed: (names) => _("%(who)s changed the camera %(subject)s", names),
  camera_removed: (names) => _("%(who)s removed the camera %(subject)s", names),
  motion_configured: (names) => _("%(who)s changed how motion is looked for before %(subject)s", names),
  recording_configured: (names) => _("%(who)s changed how %(subject)s is recorded", names),
  recorded_by_hand: (names) => _("%(who)s recorded %(subject)s by hand", names),
  recording_protected: (names) => _("%(who)s protected a recording of %(subject)s", names),
  recording_released: (names) => _("%(who)s took the protection from a recording of %(subject)s", names),
  recording_removed: (names) => _("%(who)s removed a recording of %(subject)s", names),
  control_taken_over: (names) => _("%(who)s took over the steering of %(subject)s", names),
  pairing_opened: (names) => _("%(who)s opened pairing for %(subject)s", names),
  pairing_closed: (names) => _("%(who)s closed pairing for %(subject)s", names),
  pairing_ended: (names) => _("Too many wrong tries ended the pairing of %(subject)s", names),
  pairing_token_given: (names) => _("A token for %(subject)s was given to the network", names),
  device_approved: (names) => _("%(who)s approved the device %(subject)s", names),
  device_enrolled: (names) => _("The device %(subject)s has enrolled", names),
  device_refused: (names) => _("The device %(subject)s was not let in", names),
  device_revoked: (names) => _("%(who)s ended the keys of the device %(subject)s", names),
  firmware_uploaded: (names) => _("%(who)s uploaded the firmware %(subject)s", names),
  firmware_removed: (names) => _("%(who)s removed the firmware %(subject)s", names),
  firmware_assigned: (names) => _("%(who)s chose a firmware for %(subject)s", names),
  firmware_withdrawn: (names) => _("%(who)s withdrew the firmware for %(subject)s", names),
  export_ordered: (names) => _("%(who)s ordered an export of the camera %(subject)s", names),
  export_ended: (names) => _("%(who)s ended an export of the camera %(subject)s", names),
  export_downloaded: (names) => _("%(who)s downloaded an export of the camera %(subject)s", names),
};

let { before } = pageData;

function row(event) {
  const element = fromTemplate("row");
  const slot = (name) => element.querySelector(`[data-slot="${name}"]`);
  const inWords = ACTIONS[event.action] ?? (({ who, subject }) => `${who}: ${event.action} ${subject}`);
  say(slot("what"), inWords({ who: event.who, subject: event.subject }));
  const when = { time: moment(event.at), address: event.address };
  say(slot("when"), event.address ? _("%(time)s, from %(address)s", when) : when.time);
  say(slot("detail"), event.detail);
  slot("detail").hidden = !event.detail;
  return element;
}

function append(events) {
  byId("list").append(...events.map(row));
  byId("older").hidden = before === null;
}

byId("older").addEventListener("click", async () => {
  try {
    const older = await api.get(`audit?before=${before}`);
    before = older.before;
    append(older.items);
  } catch (refusal) {
    error(refusal.message);
  }
});

append(pageData.events);
