/**
 * Switch the colours without a new page, so that nothing typed is lost; the server remembers it.
 * @param {Document} root
 */
export function switchTheme(root) {
  root.addEventListener("submit", (event) => {
    const form = /** @type {HTMLFormElement} */ (event.target);
    const button = /** @type {HTMLButtonElement | null} */ (event.submitter);
    if (!form.matches(".themes") || !button) return;
    event.preventDefault();
    root.documentElement.dataset.theme = button.value;
    for (const each of form.querySelectorAll("button")) {
      each.setAttribute("aria-pressed", String(each === button));
    }
    const body = new URLSearchParams({ theme: button.value, next: "/" });
    fetch(form.action, { method: "POST", body, redirect: "manual", keepalive: true });
  });
}
