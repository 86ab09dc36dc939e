// A button that copies what stands beside it.

import { _ } from "./i18n.js";
import { note } from "./toasts.js";

export function startCopy(button, source) {
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(source.textContent);
      note(_("Copied"));
    } catch {
      // Browsers give no clipboard to pages that came by plain http.
      getSelection().selectAllChildren(source);
      note(_("Selected. Copy it with Ctrl+C."));
    }
  });
}
