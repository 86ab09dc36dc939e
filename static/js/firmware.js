// The page of firmware: what was uploaded, who is to have it.

import "./shell.js";
import { api } from "./api.js";
import { kindName } from "./board_words.js";
import { confirm, onSubmit, openForm } from "./dialogs.js";
import { byId, fromTemplate, say } from "./dom.js";
import { _, counted, inBytes, moment } from "./i18n.js";
import { pageData } from "./page.js";
import { error, note } from "./toasts.js";
import { upload } from "./upload.js";

let { firmware } = pageData;

async function refresh() {
  firmware = (await api.get("firmware")).items;
  draw();
}

function draw() {
  byId("list").replaceChildren(...firmware.map(row));
  byId("none").hidden = firmware.length > 0;
}

function row(one) {
  const element = fromTemplate("row");
  const slot = (name) => element.querySelector(`[data-slot="${name}"]`);
  say(element.querySelector(".row-name"), one.version);
  say(slot("kind"), kindName(one.kind));
  const words = { size: inBytes(one.size), who: one.uploaded_by, time: moment(one.uploaded_at) };
  say(slot("about"), _("%(size)s, uploaded by %(who)s, %(time)s", words));
  say(slot("hash"), `SHA-256 ${one.sha256.slice(0, 16)}`);
  if (one.devices.length) say(slot("waiting"), _("Boards that are to have it and have not yet: %(count)s", { count: counted(one.devices.length) }));
  element.querySelector('[data-act="assign"]').addEventListener("click", () => assign(one));
  element.querySelector('[data-act="remove"]').addEventListener("click", () => remove(one));
  return element;
}

async function attempt(action) {
  try {
    note(await action());
    await refresh();
  } catch (refusal) {
    error(refusal.message);
  }
}

async function assign({ id, version, kind }) {
  const sure = await confirm({
    title: _("Give %(version)s to all boards?", { version }),
    text: _("Every %(kind)s that runs another version fetches it, a few at a time, and restarts. Those that are away get it when they come.", { kind: kindName(kind) }),
    yes: _("Give it to all boards"),
  });
  if (!sure) return;
  attempt(async () => {
    const { devices } = await api.post(`firmware/${id}/assign`);
    return devices.length ? _("Boards that are to have it now: %(count)s", { count: counted(devices.length) }) : _("All boards run it, or are being updated.");
  });
}

async function remove({ id, version }) {
  const sure = await confirm({ title: _("Remove “%(name)s”?", { name: version }), text: _("Boards that run it keep it."), yes: _("Remove") });
  if (!sure) return;
  attempt(async () => {
    await api.delete(`firmware/${id}`);
    return _("%(name)s is removed.", { name: version });
  });
}

const bar = byId("uploaded");
byId("add").addEventListener("click", () => openForm(byId("upload-dialog"), () => (bar.hidden = true)));
onSubmit(byId("upload-dialog").querySelector("form"), async ({ elements }) => {
  const query = new URLSearchParams({ signature: elements.signature.value.trim(), version: elements.version.value.trim() });
  bar.hidden = false;
  try {
    const { version } = await upload(`firmware?${query}`, elements.image.files[0], (share) => (bar.value = share));
    note(_("%(version)s is uploaded.", { version }));
  } finally {
    bar.hidden = true;
  }
  await refresh();
});
draw();
