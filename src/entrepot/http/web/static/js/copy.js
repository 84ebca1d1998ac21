/**
 * Copy the text of `data-copy` when its button is pressed, and say so on the button.
 * Bound once to the whole document, so that buttons which come later work too.
 * @param {Document} root
 */
export function copyOnClick(root) {
  root.addEventListener("click", async (event) => {
    const target = /** @type {Element} */ (event.target);
    const button = /** @type {HTMLElement | null} */ (target.closest("[data-copy]"));
    if (!button) return;
    const done = await copy(button.dataset.copy ?? "");
    const words = button.textContent;
    if (button.dataset.shown) return;
    button.dataset.shown = "yes";
    button.textContent = done ? "Copied" : "Press Ctrl-C";
    setTimeout(() => {
      button.textContent = words;
      delete button.dataset.shown;
    }, 1500);
  });
}

/**
 * Browsers offer the clipboard to https and loopback pages alone; elsewhere the old command of a
 * selection serves.
 * @param {string} text
 * @returns {Promise<boolean>} whether it was copied
 */
async function copy(text) {
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // Not allowed here; try the other way.
    }
  }
  const held = document.createElement("textarea");
  held.value = text;
  held.className = "unseen";
  held.setAttribute("aria-hidden", "true");
  document.body.append(held);
  held.select();
  const done = document.execCommand("copy");
  held.remove();
  return done;
}
