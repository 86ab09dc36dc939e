// The Show / Hide button beside a password.

import { _ } from "./i18n.js";

for (const button of document.querySelectorAll("[data-reveal]")) {
  const input = document.getElementById(button.dataset.reveal);
  const reveal = (visible) => {
    input.type = visible ? "text" : "password";
    button.textContent = visible ? _("Hide") : _("Show");
    button.setAttribute("aria-pressed", String(visible));
  };
  button.hidden = false;
  button.addEventListener("click", () => reveal(input.type === "password"));
  // Password managers and the browser's history must see a password field.
  input.form.addEventListener("submit", () => reveal(false));
  input.form.addEventListener("reset", () => reveal(false));
}
