// The direction buttons: a press is a step, holding repeats.

import { whyNot } from "./dom.js";

const FIRST_REPEAT = 400;
const REPEAT = 200;

export function startPad(pad, steering) {
  let timer = null;
  let pressed = false;
  const stop = () => {
    clearTimeout(timer);
    timer = null;
  };
  const press = (command, pause) => {
    steering.move(command);
    if (command !== "center") timer = setTimeout(press, pause, command, REPEAT);
  };

  for (const button of pad.querySelectorAll("[data-command]")) {
    button.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || whyNot(button)) return;
      pressed = true;
      press(button.dataset.command, FIRST_REPEAT);
    });
    for (const end of ["pointerup", "pointercancel", "pointerleave"]) button.addEventListener(end, stop);
    // A long touch must not open the browser's menu.
    button.addEventListener("contextmenu", (event) => event.preventDefault());
    // Enter, Space and screen readers click without a pointer.
    button.addEventListener("click", () => {
      if (!pressed) steering.move(button.dataset.command);
      pressed = false;
    });
  }
  addEventListener("blur", stop);
}
