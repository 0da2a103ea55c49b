// Suggestions while typing into a look-up. Without this the first ones are there, and names can be typed in full.
(() => {
  const company = () => document.querySelector('[name="c.dataAreaId"]')?.value ?? "";
  const timers = new WeakMap();

  const load = async (input) => {
    const address = new URL(input.dataset.suggest, location.href);
    address.searchParams.set("q", input.value);
    address.searchParams.set("company", company());
    const answer = await fetch(address);
    if (!answer.ok) return;
    const options = (await answer.json()).map(([value, label]) => Object.assign(new Option(label, value), { label }));
    input.list?.replaceChildren(...options);
  };

  document.addEventListener("input", (event) => {
    const input = event.target.closest("[data-suggest]");
    if (!input?.dataset.suggest) return;
    clearTimeout(timers.get(input));
    timers.set(input, setTimeout(() => load(input), 200));
  });
})();
