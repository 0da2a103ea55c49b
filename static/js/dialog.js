// Opens the dialog when something is loaded into it, empties it when it closes; opens the list of shortcuts.
(() => {
  const dialog = document.getElementById("dialog");
  const body = document.getElementById("dialog-body");

  document.body.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (detail.target === body && body.childElementCount > 0 && !dialog.open) dialog.showModal();
  });
  dialog.addEventListener("close", () => body.replaceChildren());
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-close]")) dialog.close();
    if (event.target.closest("[data-shortcuts]")) document.getElementById("shortcuts").showModal();
  });
})();
