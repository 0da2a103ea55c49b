// Says results aloud to screen readers, shows problems of requests as a note, closes notes.
(() => {
  const said = document.getElementById("said");
  const notes = document.getElementById("notes");
  let offline = null;

  const say = (text) => { if (text && said.textContent !== text) said.textContent = text; };
  const note = (text) => {
    const box = document.createElement("div");
    box.className = "note note--error";
    box.append(text);
    notes.append(box);
    return box;
  };

  document.addEventListener("announce", (event) => say(event.detail));
  document.body.addEventListener("htmx:afterRequest", ({ detail }) => {
    const part = detail.target.isConnected ? detail.target : document.getElementById(detail.target.id);
    const marked = part?.matches?.("[data-announce]") ? part : part?.querySelector?.("[data-announce]");
    say(marked?.dataset.announce);
  });
  document.body.addEventListener("htmx:responseError", ({ detail }) => {
    if (detail.elt.matches("[data-live]") && detail.xhr.status >= 500) return;
    const box = note(detail.xhr.status === 403 ? notes.dataset.forbidden : notes.dataset.failed);
    setTimeout(() => box.remove(), 10000);
  });
  document.body.addEventListener("htmx:sendError", () => { offline ??= note(notes.dataset.offline); });
  document.body.addEventListener("htmx:afterOnLoad", () => {
    offline?.remove();
    offline = null;
  });
  document.addEventListener("click", (event) => event.target.closest("[data-dismiss]")?.closest(".note").remove());
})();
