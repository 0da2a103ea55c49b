// Shortcuts: "?" lists them, "/" searches, j and k go through rows, x ticks, Enter opens, r and e press the page's
// Retry and Edit, g and a letter goes to a page.
(() => {
  let going = 0;
  const rows = () => [...document.querySelectorAll("main [data-row]")].filter((row) => row.offsetParent !== null);
  const here = () => document.querySelector("main [data-row].row--here");

  const step = (by) => {
    const all = rows();
    if (!all.length) return;
    const at = all.indexOf(here());
    const next = all[Math.min(Math.max(at + by, 0), all.length - 1)];
    here()?.classList.remove("row--here");
    next.classList.add("row--here");
    next.scrollIntoView({ block: "nearest" });
    (next.querySelector("a.row-link") ?? next.querySelector("a, input"))?.focus({ preventScroll: true });
  };
  const press = (selector) => [...document.querySelectorAll(selector)].find((one) => one.offsetParent !== null)?.click();
  const keys = {
    "?": () => document.getElementById("shortcuts").showModal(),
    "/": () => document.getElementById("search")?.focus(),
    j: () => step(1),
    k: () => step(-1),
    x: () => here()?.querySelector("input[type=checkbox]")?.click(),
    r: () => press("[data-key='r']"),
    e: () => press("[data-key='e']"),
    g: () => { going = Date.now(); },
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.closest("input:not([type=checkbox]):not([type=radio]), textarea, select")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (Date.now() - going < 1500) {
      going = 0;
      const link = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
      if (link) { event.preventDefault(); link.click(); return; }
    }
    if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
  });
})();
