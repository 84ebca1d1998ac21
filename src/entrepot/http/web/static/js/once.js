const PAUSE_MS = 2000;

/**
 * Send a form once when its button is clicked twice. A later click sends it again, so that an upload
 * which the reader has stopped can be repeated.
 * @param {Document} root
 */
export function submitOnce(root) {
  /** @type {WeakMap<EventTarget, number>} when each form was sent */
  const sent = new WeakMap();
  root.addEventListener("submit", (event) => {
    const form = /** @type {HTMLFormElement} */ (event.target);
    if (event.defaultPrevented || form.method !== "post") return;
    const last = sent.get(form);
    if (last !== undefined && event.timeStamp - last < PAUSE_MS) event.preventDefault();
    else sent.set(form, event.timeStamp);
  });
}
