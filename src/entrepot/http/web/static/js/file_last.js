/**
 * Send the file of a form as its last part, wherever it stands on the page: the server knows the
 * limits by then, and refuses a file that is too large before its bytes arrive.
 * @param {HTMLFormElement} form
 */
export function sendFileLast(form) {
  form.addEventListener("formdata", ({ formData }) => {
    const files = formData.getAll("file");
    formData.delete("file");
    for (const file of files) formData.append("file", file);
  });
}
