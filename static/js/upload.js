// Sending a file to a JSON route. fetch does not say how far an upload is.

import { Refusal } from "./api.js";
import { _ } from "./i18n.js";
import { csrfToken, toLogin } from "./page.js";

/** `progress` is told the share of the file that has gone, 0…1. The answer's JSON; throws a Refusal. */
export function upload(path, file, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const unreachable = () => reject(new Refusal("unreachable", _("CamProxy cannot be reached. Check your network, then try again.")));
    request.open("POST", `/api/${path}`);
    request.responseType = "json";
    for (const [name, value] of Object.entries({ Accept: "application/json", "X-CSRFToken": csrfToken, "Content-Type": "application/octet-stream" })) {
      request.setRequestHeader(name, value);
    }
    request.upload.addEventListener("progress", ({ loaded, total }) => progress(loaded / total));
    request.addEventListener("error", unreachable);
    request.addEventListener("abort", unreachable);
    request.addEventListener("load", () => {
      const { status, response } = request;
      if (status === 401) toLogin();
      if (status >= 200 && status < 300) return resolve(response);
      reject(new Refusal(response?.error ?? String(status), response?.message ?? _("The server answered with an error (%(status)s). Please try again.", { status })));
    });
    request.send(file);
  });
}
