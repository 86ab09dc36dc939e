// Forms and questions in <dialog>.

import { byId } from "./dom.js";

/** Ask once, in words, before something that cannot be undone. Resolves to whether the answer was yes. */
export function confirm({ title, text, yes }) {
  const dialog = byId("confirm");
  byId("confirm-title").textContent = title;
  dialog.querySelector('[data-slot="text"]').textContent = text;
  dialog.querySelector('[data-slot="yes"]').textContent = yes;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

for (const button of document.querySelectorAll("[data-close]")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}

/** Show what went wrong at the form itself; null takes it away. */
export function showFormError(container, message) {
  const place = container.querySelector(".form-error");
  place.textContent = message ?? "";
  place.hidden = !message;
}

/**
 * Run `action` for a form's submit: one at a time, the button switched off meanwhile, the error shown at the form.
 * A dialog around the form closes when it went well.
 */
export function onSubmit(form, action) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button:not([type])");
    button.disabled = true;
    showFormError(form, null);
    try {
      await action(form);
      form.closest("dialog")?.close();
    } catch (refusal) {
      showFormError(form, refusal.message);
    } finally {
      button.disabled = false;
    }
  });
}

/** Open the dialog with a clean form. */
export function openForm(dialog, prepare) {
  const form = dialog.querySelector("form");
  form.reset();
  showFormError(form, null);
  prepare?.(form);
  dialog.showModal();
}
