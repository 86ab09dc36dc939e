// What the server wrote into the page.

function embedded(id) {
  const element = document.getElementById(id);
  return element ? JSON.parse(element.textContent) : {};
}

export const pageData = embedded("page-data");
export const catalogue = embedded("catalogue");
export const me = pageData.me ?? null;
export const language = document.documentElement.lang || "en";
export const csrfToken = document.querySelector('meta[name="csrf-token"]')?.content ?? "";

export function toLogin() {
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}
