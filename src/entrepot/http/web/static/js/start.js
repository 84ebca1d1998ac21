/** The one script of a page: says that scripts run, and starts each behaviour. */
import { copyOnClick } from "./copy.js";
import { followLive } from "./live.js";
import { switchTheme } from "./theme.js";

document.documentElement.dataset.scripts = "";
copyOnClick(document);
switchTheme(document);
for (const place of document.querySelectorAll("[data-live]")) {
  followLive(/** @type {HTMLElement} */ (place));
}
