// What only an admin does with a board: rename, switch off, give a new key, remove.

import { api } from "./api.js";
import { startCopy } from "./clipboard.js";
import { confirm, onSubmit } from "./dialogs.js";
import { byId, say, setWhyNot, whyNot } from "./dom.js";
import { _, moment } from "./i18n.js";
import { error, note } from "./toasts.js";

/** The keys that let it in, in words: the newest first. */
function keysInWords(keys) {
  const [newest, ...older] = [...keys].sort((one, other) => other.created_at.localeCompare(one.created_at));
  if (!newest) return _("It has no key: nothing can come in its name.");
  const made = moment(newest.created_at);
  if (!older.length) return newest.first_used_at ? _("Its key is of %(time)s.", { time: made }) : _("Its key is of %(time)s and was not used yet.", { time: made });
  const ends = moment(older[0].expires_at);
  return _("Its newest key is of %(time)s. The one before lets it in until %(ends)s, or until the newest is first used.", { time: made, ends });
}

export function startDeviceAdmin(board, boards) {
  const path = `devices/${board().id}`;

  async function change(action, done) {
    try {
      await action();
      await boards.refresh();
      note(done);
    } catch (refusal) {
      error(refusal.message);
    }
  }

  byId("new-name").value = board().name;
  onSubmit(byId("rename"), async ({ elements }) => {
    await api.patch(path, { name: elements.name.value.trim() });
    await boards.refresh();
    note(_("It is called %(name)s now.", { name: board().name }));
  });

  byId("enable").addEventListener("click", async () => {
    const { name, enabled } = board();
    if (enabled) {
      const sure = await confirm({
        title: _("Switch %(name)s off?", { name }),
        text: _("Its connection ends at once, and it is not let in until you switch it on again. Its key stays."),
        yes: _("Switch off"),
      });
      if (!sure) return;
    }
    change(() => api.patch(path, { enabled: !enabled }), enabled ? _("%(name)s is switched off.", { name }) : _("%(name)s is switched on.", { name }));
  });

  byId("new-key").addEventListener("click", async () => {
    try {
      const { api_key: key, others_end: end } = await api.post(`${path}/key`);
      say(byId("key"), key);
      say(byId("key-overlap"), _("Put it into the board. The key that the board has now works until %(time)s, or until the new one is first used.", { time: moment(end) }));
      byId("new-key-shown").hidden = false;
      await boards.refresh();
    } catch (refusal) {
      error(refusal.message);
    }
  });
  byId("give-key").addEventListener("click", ({ currentTarget }) => {
    if (whyNot(currentTarget)) error(whyNot(currentTarget));
    else change(() => api.post(`${path}/key/give`), _("It has a new key."));
  });
  startCopy(byId("copy-key"), byId("key"));

  byId("remove").addEventListener("click", async () => {
    const { name, camera } = board();
    const sure = await confirm({
      title: _("Remove “%(name)s”?", { name }),
      text: camera ? _("Its key, its log and its configuration go with it. The camera %(camera)s stays, without this board.", { camera: camera.name }) : _("Its key, its log and its configuration go with it."),
      yes: _("Remove"),
    });
    if (!sure) return;
    try {
      await api.delete(path);
      await boards.refresh(); // without it this page has nothing to show, and leaves
    } catch (refusal) {
      error(refusal.message);
    }
  });

  byId("main").addEventListener("board", ({ detail: { board: known, obstacle } }) => {
    setWhyNot(byId("give-key"), obstacle);
    say(byId("enable"), known.enabled ? _("Switch off") : _("Switch on"));
    byId("enable").classList.toggle("danger", known.enabled);
    say(byId("keys"), keysInWords(known.keys));
  });
}
