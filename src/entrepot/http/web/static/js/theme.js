/**
 * Have the server remember the colours that are chosen. The page itself follows the choice without
 * a script (tokens.css).
 * @param {Document} root
 */
export function rememberTheme(root) {
  root.addEventListener("change", (event) => {
    const choice = /** @type {HTMLInputElement} */ (event.target);
    if (!choice.matches(".themes input")) return;
    const body = new URLSearchParams({ theme: choice.value });
    fetch("/theme", { method: "POST", body, keepalive: true });
  });
}
