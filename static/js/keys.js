// The keyboard. Keys that mean something to the focused control keep that meaning.

const REPEAT = 150;
const ARROWS = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "left", ArrowRight: "right" };

/** What a key means in Latin letters: on a Persian or a Greek keyboard the L key types another one. */
export function meaning({ key, code }) {
  if (key.length > 1 || key < "\u0080") return key;
  return key === "؟" ? "?" : code.replace(/^(Key|Digit)/, "");
}

/** `actions` maps keys to functions; arrows call `actions.move(direction)`, digits `actions.preset(slot)`. */
export function startKeys(actions, isActive) {
  let lastMove = -Infinity;

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !isActive()) return;
    if (event.target.closest("input, select, textarea, dialog[open]")) return;

    const direction = ARROWS[event.key];
    if (direction) {
      event.preventDefault();
      if (event.repeat && event.timeStamp - lastMove < REPEAT) return;
      lastMove = event.timeStamp;
      actions.move(direction);
      return;
    }
    if (event.repeat) return;
    const key = meaning(event);
    if (/^[1-9]$/.test(key)) actions.preset(Number(key));
    else actions[key.toLowerCase()]?.();
  });
}
