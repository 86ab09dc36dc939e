// Small helpers for building the page.

export const byId = (id) => document.getElementById(id);

/** A copy of a <template>'s only child. */
export function fromTemplate(id) {
  return byId(id).content.firstElementChild.cloneNode(true);
}

/** Write only what changed: a text that is set again disturbs selections and screen readers. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const SPRITE = new URL("../images/icons.svg", import.meta.url).pathname;

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${SPRITE}#${name}`);
  svg.append(use);
  return svg;
}

export function setIcon(svg, name) {
  svg.querySelector("use").setAttribute("href", `${SPRITE}#${name}`);
}

/**
 * Switch a control off with its reason, or on with null. It stays focusable, so that the reason can be
 * read out; whoever listens to the control asks `whyNot` first.
 */
export function setWhyNot(control, reason) {
  if ((control.dataset.whyNot ?? null) === reason) return;
  if (control.dataset.label === undefined) control.dataset.label = control.title;
  if (reason) {
    control.setAttribute("aria-disabled", "true");
    control.dataset.whyNot = reason;
    control.title = reason;
  } else {
    control.removeAttribute("aria-disabled");
    delete control.dataset.whyNot;
    control.title = control.dataset.label;
  }
}

export const whyNot = (control) => control.dataset.whyNot ?? null;

/** [label, value] pairs into a <dl>. Rows stay, so that what is selected or being read out does not vanish. */
export function fillFigures(list, rows) {
  while (list.children.length > rows.length) list.lastElementChild.remove();
  rows.forEach(([label, value], at) => {
    const row = list.children[at] ?? list.appendChild(document.createElement("div"));
    if (!row.children.length) row.append(document.createElement("dt"), document.createElement("dd"));
    for (const cell of row.children) cell.dir = "auto";
    say(row.firstElementChild, label);
    say(row.lastElementChild, value);
  });
}
