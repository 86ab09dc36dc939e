// Dark, light, or as the system wishes.

import { api } from "./api.js";
import { error } from "./toasts.js";

export function applyTheme(theme) {
  document.documentElement.dataset.theme = theme;
  for (const input of document.querySelectorAll('#theme-switch input')) input.checked = input.value === theme;
}

export function startThemeSwitch(fieldset) {
  fieldset.addEventListener("change", async (event) => {
    applyTheme(event.target.value);
    try {
      await api.patch("me", { theme: event.target.value });
    } catch (refusal) {
      error(refusal.message);
    }
  });
}
