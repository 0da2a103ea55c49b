// Sets what the first paint needs: the chosen theme and whether the side bar is folded. Runs before the page is drawn.
(() => {
  const root = document.documentElement;
  const order = ["system", "light", "dark"];
  const kept = (name) => {
    try { return localStorage.getItem(name); } catch { return null; }
  };
  const keep = (name, value) => {
    try { localStorage.setItem(name, value); } catch { /* nothing is remembered then */ }
  };
  const show = (theme) => {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
  };

  show(kept("theme"));
  if (kept("side-bar") === "folded") root.dataset.folded = "";

  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-switch]")) return;
    const next = order[(order.indexOf(kept("theme") ?? "system") + 1) % order.length];
    keep("theme", next);
    show(next);
  });
})();
