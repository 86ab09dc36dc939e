// The keyboard. Keys that mean something to the focused control keep that meaning.

const REPEAT = 150;
const ARROWS = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "left", ArrowRight: "right" };

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
    if (/^[1-9]$/.test(event.key)) actions.preset(Number(event.key));
    else actions[event.key.toLowerCase()]?.();
  });
}
