// Folds the side bar to icons on wide screens, slides it in as a drawer on narrow ones.
(() => {
  const root = document.documentElement;
  const bar = document.getElementById("side-bar");
  const fold = bar.querySelector("[data-side-bar='fold']");
  const tell = () => fold.setAttribute("aria-expanded", String(!("folded" in root.dataset)));
  const close = () => {
    delete root.dataset.drawer;
    document.querySelector("[data-side-bar='open']").focus();
  };

  tell();
  document.addEventListener("click", (event) => {
    const what = event.target.closest("[data-side-bar]")?.dataset.sideBar;
    if (what === "open") {
      root.dataset.drawer = "";
      bar.querySelector("a, button").focus();
    } else if (what === "close") {
      close();
    } else if (what === "fold") {
      root.toggleAttribute("data-folded");
      try { localStorage.setItem("side-bar", "folded" in root.dataset ? "folded" : "open"); } catch { /* not remembered */ }
      tell();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && "drawer" in root.dataset) close();
  });
  // Menus close when the person looks elsewhere.
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll(".menu[open], .switcher[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
})();
