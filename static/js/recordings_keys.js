// The keyboard on the page of recordings. Keys that mean something to the focused control keep that meaning.

import { meaning } from "./keys.js";

/** Keys whose letter differs from keyboard to keyboard, by where they are. */
const PLACES = { Comma: ",", Period: ".", Slash: "/" };

/** `actions` maps keys, in Latin letters, to functions. */
export function startRecordingsKeys(actions) {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest("input, select, textarea, dialog[open], .menu[open]")) return;
    if (event.key === " " && event.target.closest("button, summary, a")) return; // presses what has the focus
    const key = meaning(event);
    const action = actions[PLACES[key] ?? (key.length === 1 ? key.toLowerCase() : key)];
    if (!action) return;
    event.preventDefault();
    action();
  });
}
