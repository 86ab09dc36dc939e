// What can be done with the picture: a snapshot, and the whole screen.

import { refusalOf } from "./api.js";
import { byId, setIcon } from "./dom.js";
import { _ } from "./i18n.js";
import { error, note } from "./toasts.js";

/** workshop-2026-11-21-14-02-33.jpg, by the clock on the wall where it is saved. */
function fileName(slug, now) {
  const two = (value) => String(value).padStart(2, "0");
  const day = [now.getFullYear(), two(now.getMonth() + 1), two(now.getDate())].join("-");
  const time = [two(now.getHours()), two(now.getMinutes()), two(now.getSeconds())].join("-");
  return `${slug}-${day}-${time}.jpg`;
}

/** Give a picture to the person as a file. */
export function saveAs(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The download has its own hold on the data by then.
  setTimeout(URL.revokeObjectURL, 10_000, url);
  note(_("Snapshot saved as %(name)s", { name }));
}

export async function saveSnapshot(slug) {
  try {
    const response = await fetch(`/snapshot/${encodeURIComponent(slug)}.jpg`, { cache: "no-store" });
    if (!response.ok) throw await refusalOf(response);
    saveAs(await response.blob(), fileName(slug, new Date()));
  } catch (refusal) {
    error(refusal instanceof TypeError ? _("CamProxy cannot be reached. Check your network, then try again.") : refusal.message);
  }
}

/** Full screen, or, where a browser has none for pictures (iPhone), the whole window. */
export function startFullScreen(stage) {
  const button = byId("full");
  const leave = byId("unfull");
  const isFull = () => document.fullscreenElement === stage || stage.classList.contains("fills-window");

  const show = () => {
    const full = isFull();
    document.body.classList.toggle("filled", full);
    setIcon(button.querySelector(".icon"), full ? "unfull" : "full");
    button.setAttribute("aria-pressed", String(full));
  };
  const toggle = async () => {
    if (document.fullscreenElement) await document.exitFullscreen();
    else if (stage.classList.contains("fills-window")) stage.classList.remove("fills-window");
    else if (stage.requestFullscreen) await stage.requestFullscreen().catch(() => stage.classList.add("fills-window"));
    else stage.classList.add("fills-window");
    show();
    (isFull() ? leave : button).focus();
  };

  button.addEventListener("click", toggle);
  leave.addEventListener("click", toggle);
  document.addEventListener("fullscreenchange", show);
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && stage.classList.contains("fills-window")) toggle();
  });
  return toggle;
}
