// The JSON routes.

import { csrfToken, toLogin } from "./page.js";
import { _ } from "./i18n.js";

/** What the server refused; `code` is one of protocol.md's error codes, the message is for people. */
export class Refusal extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** The server's own JSON refusal, or a sentence for whatever answered in its place. */
export async function refusalOf(response) {
  const body = await response.json().catch(() => ({}));
  return new Refusal(
    body.error ?? String(response.status),
    body.message ?? _("The server answered with an error (%(status)s). Please try again.", { status: response.status }),
  );
}

async function call(method, path, body) {
  let response;
  try {
    response = await fetch(`/api/${path}`, {
      method,
      headers: { Accept: "application/json", "X-CSRFToken": csrfToken, ...(body && { "Content-Type": "application/json" }) },
      body: body && JSON.stringify(body),
    });
  } catch {
    throw new Refusal("unreachable", _("CamProxy cannot be reached. Check your network, then try again."));
  }
  if (response.status === 401) toLogin();
  if (!response.ok) throw await refusalOf(response);
  return response.status === 204 ? null : response.json();
}

export const api = {
  get: (path) => call("GET", path),
  post: (path, body = {}) => call("POST", path, body),
  put: (path, body) => call("PUT", path, body),
  patch: (path, body) => call("PATCH", path, body),
  delete: (path) => call("DELETE", path),
};
