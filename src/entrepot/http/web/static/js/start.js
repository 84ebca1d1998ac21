/** The one script of a page: says that scripts run, and starts each behaviour. */
import { copyOnClick } from "./copy.js";
import { sendFileLast } from "./file_last.js";
import { followLive } from "./live.js";
import { submitOnce } from "./once.js";
import { rememberTheme } from "./theme.js";

document.documentElement.dataset.scripts = "";
copyOnClick(document);
rememberTheme(document);
submitOnce(document);
for (const form of document.querySelectorAll("form[data-file-last]")) {
  sendFileLast(/** @type {HTMLFormElement} */ (form));
}
for (const place of document.querySelectorAll("[data-live]")) {
  followLive(/** @type {HTMLElement} */ (place));
}
