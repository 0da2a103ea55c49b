// Copies a long value that the page shows shortened.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  event.preventDefault();
  await navigator.clipboard.writeText(button.dataset.copy);
  button.classList.add("copy--done");
  setTimeout(() => button.classList.remove("copy--done"), 1500);
  document.dispatchEvent(new CustomEvent("announce", { detail: document.body.dataset.copied }));
});
