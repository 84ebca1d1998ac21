/**
 * Follow a task: show each fragment that the stream sends, until the task has ended.
 * The browser comes back by itself after a lost connection; a stream that is refused (signed out
 * meanwhile) reloads the page, which then says why.
 * @param {HTMLElement} place the element with `data-live`, the stream's address
 */
export function followLive(place) {
  const stream = new EventSource(/** @type {string} */ (place.dataset.live));
  let status = statusOf(place);
  stream.addEventListener("task", (event) => {
    show(place, /** @type {MessageEvent<string>} */ (event).data);
    if (statusOf(place) !== status) {
      status = statusOf(place);
      announce(place);
    }
    if (place.querySelector("[data-ended]")) stream.close();
  });
  stream.addEventListener("error", () => {
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 1000);
  });
  addEventListener("pagehide", () => stream.close());
}

/**
 * Put the fragment in place; what had the focus keeps it.
 * @param {HTMLElement} place
 * @param {string} html rendered by our server, every value in it escaped
 */
function show(place, html) {
  const focused = place.contains(document.activeElement) ? document.activeElement?.id : "";
  place.innerHTML = html;
  if (focused) document.getElementById(focused)?.focus();
}

/**
 * @param {HTMLElement} place
 * @returns {string | undefined} the task's status
 */
function statusOf(place) {
  const task = /** @type {HTMLElement | null} */ (place.querySelector("[data-status]"));
  return task?.dataset.status;
}

/**
 * Tell readers of the screen about a new status, not about every per cent.
 * @param {HTMLElement} place
 */
function announce(place) {
  const region = document.querySelector("[data-announce]");
  if (region) region.textContent = place.querySelector("[data-words]")?.textContent ?? "";
}
