// Refreshes the parts marked data-live every so many seconds while the page is seen. An answer that changed nothing (304)
// leaves the page alone; any other keeps ticks, focus, scroll and what is folded open.
(() => {
  const TICK_MS = 1000;
  const states = new WeakMap();
  const asked = new WeakMap();

  const isRead = (part) => {
    const selection = document.getSelection();
    return selection && !selection.isCollapsed && part.contains(selection.anchorNode);
  };
  const tick = () => {
    if (document.hidden) return;
    for (const part of document.querySelectorAll("[data-live]")) {
      if (!asked.has(part)) asked.set(part, Date.now());
      if (Date.now() - asked.get(part) < part.dataset.live * 1000 - TICK_MS / 2 || isRead(part)) continue;
      asked.set(part, Date.now());
      htmx.trigger(part, "refresh");
    }
  };
  const look = (part) => ({
    ticked: [...part.querySelectorAll("input[type=checkbox]:checked")].map((box) => box.id),
    open: [...part.querySelectorAll("details[open]")].map((fold) => fold.id),
    scrolls: [...part.querySelectorAll("[data-keep-scroll]")].map((box) => [box.id, box.scrollLeft, box.scrollTop]),
    row: part.querySelector("[data-row].row--here")?.id,
    focus: part.contains(document.activeElement) ? document.activeElement.id : "",
  });
  const restore = (state) => {
    const find = (id) => (id ? document.getElementById(id) : null);
    for (const id of state.ticked) if (find(id)) find(id).checked = true;
    for (const id of state.open) if (find(id)) find(id).open = true;
    for (const [id, left, top] of state.scrolls) find(id)?.scrollTo(left, top);
    find(state.row)?.classList.add("row--here");
    find(state.focus)?.focus({ preventScroll: true });
  };

  document.body.addEventListener("htmx:configRequest", ({ detail }) => {
    if (detail.elt.dataset.etag) detail.headers["If-None-Match"] = detail.elt.dataset.etag;
  });
  document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (new URL(detail.xhr.responseURL).pathname === document.body.dataset.login) {
      detail.shouldSwap = false;
      location.reload(); // signed out meanwhile
    } else if (detail.shouldSwap && detail.target.matches("[data-live]")) {
      states.set(detail.target, look(detail.target));
    }
  });
  document.body.addEventListener("htmx:afterRequest", ({ detail }) => {
    const part = detail.target;
    if (!states.has(part)) return;
    part.dataset.etag = detail.xhr.getResponseHeader("ETag") ?? "";
    restore(states.get(part));
    states.delete(part);
    document.dispatchEvent(new Event("rows-changed"));
  });
  setInterval(tick, TICK_MS);
  document.addEventListener("visibilitychange", tick);
})();
