// Ticking rows: all, a range with Shift, and the bar that appears with the first tick.
(() => {
  let last = null;
  const boxes = (area) => [...area.querySelectorAll("input[type=checkbox]:not([data-select-all])")];

  const show = (area) => {
    const all = boxes(area);
    const ticked = all.filter((box) => box.checked);
    const master = area.querySelector("[data-select-all]");
    if (master) {
      master.checked = all.length > 0 && ticked.length === all.length;
      master.indeterminate = ticked.length > 0 && ticked.length < all.length;
    }
    const bar = area.querySelector("[data-bulk]");
    if (!bar) return;
    bar.hidden = ticked.length === 0;
    bar.querySelector("[data-selected-count]").textContent = ticked.length;
  };
  const showAll = () => document.querySelectorAll("[data-selectable]").forEach(show);
  const range = (area, box) => {
    const all = boxes(area);
    const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
    if (from >= 0) for (const between of all.slice(from, to + 1)) between.checked = box.checked;
  };

  document.addEventListener("click", (event) => {
    const area = event.target.closest("[data-selectable]");
    if (!area) return;
    if (event.target.matches("[data-select-all]")) {
      for (const box of boxes(area)) box.checked = event.target.checked;
    } else if (event.target.closest("[data-select-none]")) {
      for (const box of boxes(area)) box.checked = false;
    } else if (event.target.matches("input[type=checkbox]")) {
      if (event.shiftKey && last?.isConnected) range(area, event.target);
      last = event.target;
    }
    show(area);
  });
  document.addEventListener("change", (event) => {
    const area = event.target.closest("[data-selectable]");
    if (area) show(area);
  });
  document.addEventListener("rows-changed", showAll);
  document.body.addEventListener("htmx:afterRequest", showAll);
  showAll();
})();
