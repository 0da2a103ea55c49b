// Says what is being done while a slow form or button waits for its answer.
(() => {
  const line = (text) => {
    const busy = document.createElement("p");
    busy.className = "busy";
    busy.textContent = text;
    return busy;
  };

  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-busy]");
    if (!form || form.matches("[hx-post]") || event.submitter?.name === "back") return;
    const foot = form.querySelector(".form__foot");
    if (foot) foot.before(line(form.dataset.busy));
    else form.append(line(form.dataset.busy));
  });
  document.body.addEventListener("htmx:beforeRequest", ({ detail }) => {
    if (detail.elt.matches("[data-busy]")) detail.target.replaceChildren(line(detail.elt.dataset.busy));
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted) document.querySelectorAll("form[data-busy] > .busy").forEach((busy) => busy.remove());
  });
})();
