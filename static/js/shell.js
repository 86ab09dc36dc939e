// What every page of a logged-in user has.

import "./menus.js";
import { byId } from "./dom.js";
import { startThemeSwitch } from "./theme.js";

startThemeSwitch(byId("theme-switch"));
