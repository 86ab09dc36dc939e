// What a browser calls itself, as a person would say it.

import { _ } from "./i18n.js";

// The first that fits: each of them also claims to be those below it.
const BROWSERS = [["Edg", "Edge"], ["OPR", "Opera"], ["SamsungBrowser", "Samsung Internet"], ["Firefox", "Firefox"], ["FxiOS", "Firefox"], ["Chrome", "Chrome"], ["CriOS", "Chrome"], ["Safari", "Safari"]];
const SYSTEMS = [["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["Mac OS X", "macOS"], ["CrOS", "ChromeOS"], ["Linux", "Linux"]];

const first = (names, agent) => names.find(([mark]) => agent.includes(mark))?.[1];

/** "Firefox on Linux", or the name itself where it is unknown. */
export function browserName(agent) {
  const browser = first(BROWSERS, agent);
  const system = first(SYSTEMS, agent);
  if (browser && system) return _("%(browser)s on %(system)s", { browser, system });
  return browser ?? (agent.slice(0, 60) || _("A program"));
}
