// One's own settings, password and tokens.

import "./shell.js";
import "./passwords.js";
import { api } from "./api.js";
import { startCopy } from "./clipboard.js";
import { confirm, onSubmit } from "./dialogs.js";
import { browserName } from "./browsers.js";
import { byId, fromTemplate, say } from "./dom.js";
import { _, moment } from "./i18n.js";
import { me, pageData } from "./page.js";
import { applyTheme } from "./theme.js";
import { error } from "./toasts.js";

let { sessions, tokens } = pageData;

function done(form, text) {
  say(form.querySelector(".form-done"), text);
  form.addEventListener("input", () => say(form.querySelector(".form-done"), ""), { once: true });
}

// For you

const you = byId("you");
for (const { id, name } of pageData.cameras) you.elements.default_camera.add(new Option(name, id));
for (const name of ["language", "theme", "default_camera", "step", "max_fps"]) you.elements[name].value = me[name] ?? "";
byId("theme-switch").addEventListener("change", ({ target }) => (you.elements.theme.value = target.value));

onSubmit(you, async ({ elements }) => {
  const language = elements.language.value;
  await api.patch("me", {
    language,
    theme: elements.theme.value,
    default_camera: elements.default_camera.value ? Number(elements.default_camera.value) : null,
    step: elements.step.valueAsNumber,
    max_fps: elements.max_fps.value ? elements.max_fps.valueAsNumber : null,
  });
  if (language !== me.language) location.reload();
  applyTheme(elements.theme.value);
  done(you, _("Saved"));
});

// Password

const passwordForm = byId("password-form");
onSubmit(passwordForm, async ({ elements }) => {
  await api.post("me/password", { current: elements.current.value, new: elements.new.value });
  passwordForm.reset();
  sessions = sessions.filter(({ current }) => current);
  drawSessions();
  done(passwordForm, _("Changed"));
});

// Log-ins

function sessionRow(session) {
  const element = fromTemplate("session");
  say(element.querySelector("strong"), session.current ? _("%(browser)s, this one", { browser: browserName(session.agent) }) : browserName(session.agent));
  const about = { address: session.address, begun: moment(session.created_at), used: moment(session.last_used_at) };
  say(element.querySelector(".help"), _("From %(address)s since %(begun)s, last used %(used)s", about));
  const button = element.querySelector("button");
  button.hidden = session.current; // its own way out is in the menu
  button.addEventListener("click", () => logOut(session));
  return element;
}

async function logOut(session) {
  try {
    await api.delete(`me/sessions/${session.id}`);
    sessions = sessions.filter(({ id }) => id !== session.id);
    drawSessions();
  } catch (refusal) {
    error(refusal.message);
  }
}

function drawSessions() {
  byId("sessions").replaceChildren(...sessions.map(sessionRow));
}

drawSessions();

// Tokens

function row(token) {
  const element = fromTemplate("token");
  const used = token.last_used_at ? _("last used %(time)s", { time: moment(token.last_used_at) }) : _("never used");
  say(element.querySelector("strong"), token.name);
  say(element.querySelector(".help"), _("Made %(time)s, %(used)s", { time: moment(token.created_at), used }));
  element.querySelector("button").addEventListener("click", () => revoke(token));
  return element;
}

function draw() {
  byId("tokens").replaceChildren(...tokens.map(row));
}

async function revoke(token) {
  const sure = await confirm({
    title: _("Revoke the token “%(name)s”?", { name: token.name }),
    text: _("The program that uses it is locked out at once."),
    yes: _("Revoke"),
  });
  if (!sure) return;
  try {
    await api.delete(`me/tokens/${token.id}`);
    tokens = tokens.filter(({ id }) => id !== token.id);
    byId("new-secret").hidden = true;
    draw();
  } catch (refusal) {
    error(refusal.message);
  }
}

onSubmit(byId("token-form"), async (form) => {
  const { token: secret, ...token } = await api.post("me/tokens", { name: form.elements.name.value.trim() });
  tokens = [...tokens, token];
  draw();
  form.reset();
  say(byId("secret"), secret);
  byId("new-secret").hidden = false;
});

startCopy(byId("copy"), byId("secret"));

draw();
