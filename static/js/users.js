// The page of users: who they are, whether they may log in, what they may do with each camera.

import "./shell.js";
import "./passwords.js";
import { api } from "./api.js";
import { confirm, onSubmit, openForm } from "./dialogs.js";
import { byId, fromTemplate, say, setWhyNot, whyNot } from "./dom.js";
import { _, moment } from "./i18n.js";
import { me, pageData } from "./page.js";
import { error, note } from "./toasts.js";

const ROLES = { viewer: () => _("Viewer"), operator: () => _("Operator"), admin: () => _("Admin") };
const LEVELS = { none: () => _("not see it"), view: () => _("watch"), control: () => _("watch and steer") };

const { cameras } = pageData;
let { users } = pageData;
let edited = null; // the user in whichever dialog is open; null for a new one

async function refresh() {
  users = (await api.get("users")).items;
  draw();
}

function draw() {
  byId("list").replaceChildren(...users.map(row));
}

function row(user) {
  const element = fromTemplate("row");
  say(element.querySelector(".row-name"), user.username);
  say(element.querySelector('[data-slot="role"]'), ROLES[user.role]());
  element.querySelector('[data-slot="locked"]').hidden = user.is_active;
  say(element.querySelector('[data-slot="seen"]'), user.last_login_at ? _("Last here: %(time)s", { time: moment(user.last_login_at) }) : _("Has never logged in"));
  const act = (name, action, reason = null) => {
    const button = element.querySelector(`[data-act="${name}"]`);
    setWhyNot(button, reason);
    button.addEventListener("click", () => (whyNot(button) ? error(whyNot(button)) : action(user)));
  };
  act("permissions", openPermissions, user.is_admin ? _("An admin may see and steer every camera.") : null);
  act("password", openPassword);
  act("edit", openUser);
  act("remove", remove, user.id === me.id ? _("You cannot remove yourself.") : null);
  return element;
}

function openUser(user) {
  edited = user;
  openForm(byId("user-dialog"), ({ elements }) => {
    byId("user-title").textContent = user ? _("Edit %(name)s", { name: user.username }) : _("Add a user");
    byId("first-password").hidden = Boolean(user);
    elements.password.disabled = Boolean(user);
    elements.username.value = user?.username ?? "";
    elements.role.value = user?.role ?? "operator";
    elements.is_active.checked = user?.is_active ?? true;
  });
}

function openPassword(user) {
  edited = user;
  openForm(byId("password-dialog"), () => {
    byId("password-title").textContent = _("New password for %(name)s", { name: user.username });
  });
}

function openPermissions(user) {
  edited = user;
  const dialog = byId("permissions-dialog");
  openForm(dialog, () => {
    byId("permissions-title").textContent = _("What %(name)s may do", { name: user.username });
    dialog.querySelector('[data-slot="text"]').textContent =
      user.role === "viewer" ? _("A viewer watches; to steer, the role must be operator.") : _("Cameras that are not listed otherwise follow their own setting.");
    const levels = new Map(user.permissions.map(({ camera, level }) => [camera, level]));
    dialog.querySelector(".grants").replaceChildren(...cameras.map((camera) => grant(camera, levels.get(camera.id))));
  });
}

function grant(camera, level) {
  const label = fromTemplate("grant");
  const select = label.querySelector("select");
  say(label.querySelector("span"), camera.name);
  say(select.options[0], _("as everybody: %(level)s", { level: LEVELS[camera.settings.everyone]() }));
  select.dataset.camera = camera.id;
  select.value = level ?? "";
  return label;
}

async function remove(user) {
  const sure = await confirm({
    title: _("Remove %(name)s?", { name: user.username }),
    text: _("The account, its settings and its tokens go. To lock somebody out for a while, switch “May log in” off in place of this."),
    yes: _("Remove"),
  });
  if (!sure) return;
  try {
    await api.delete(`users/${user.id}`);
    await refresh();
    note(_("%(name)s was removed.", { name: user.username }));
  } catch (refusal) {
    error(refusal.message);
  }
}

onSubmit(byId("user-dialog").querySelector("form"), async ({ elements }) => {
  const body = { username: elements.username.value.trim(), role: elements.role.value, is_active: elements.is_active.checked };
  if (edited) await api.patch(`users/${edited.id}`, body);
  else await api.post("users", { ...body, password: elements.password.value });
  await refresh();
});

onSubmit(byId("password-dialog").querySelector("form"), async ({ elements }) => {
  await api.patch(`users/${edited.id}`, { password: elements.password.value });
  note(_("%(name)s has a new password.", { name: edited.username }));
});

onSubmit(byId("permissions-dialog").querySelector("form"), async (form) => {
  const permissions = [...form.querySelectorAll("select")].map((select) => ({ camera: Number(select.dataset.camera), level: select.value || null }));
  await api.put(`users/${edited.id}/permissions`, { permissions });
  await refresh();
});

byId("add").addEventListener("click", () => openUser(null));
draw();
