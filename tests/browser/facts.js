// What can be told of a page without eyes: lists of what is wrong, by what it is. Empty lists are well.
() => {
  const seen = (one) => one.checkVisibility({ visibilityProperty: true });
  const all = (selector) => [...document.querySelectorAll(selector)].filter(seen);
  const tell = (one) => one.outerHTML.replace(/\s+/g, " ").slice(0, 160);
  const texts = (ids) => ids.split(" ").map((id) => document.getElementById(id)?.textContent.trim());
  const isNamed = (one) =>
    Boolean(one.getAttribute("aria-label")?.trim() || texts(one.getAttribute("aria-labelledby") ?? "").some(Boolean));
  const isWorded = (one) =>
    isNamed(one) || one.textContent.trim() || one.title || one.querySelector("img[alt]:not([alt=''])");
  const isLabelled = (one) => isNamed(one) || [...(one.labels ?? [])].some((label) => label.textContent.trim());
  const isPicture = (svg) => svg.closest("[aria-hidden=true]") || (svg.getAttribute("role") === "img" && isNamed(svg));
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  const levels = all("h1, h2, h3, h4").map((one) => Number(one.tagName[1]));

  return {
    "not exactly one h1": all("h1").length === 1 ? [] : [`${all("h1").length}`],
    "a heading skips a level": levels.filter((level, at) => at && level > levels[at - 1] + 1).map((level) => `h${level}`),
    "no title or language": document.title && document.documentElement.lang ? [] : [document.title],
    "field without a label": all("input:not([type=hidden]), select, textarea").filter((one) => !isLabelled(one)).map(tell),
    "button or link without a name": all("button, a[href], summary, [role=button]").filter((one) => !isWorded(one)).map(tell),
    "picture without an alternative": [
      ...all("img:not([alt])"),
      ...all("svg").filter((one) => !isPicture(one)),
    ].map(tell),
    "table without headings": all("main table").filter((one) => !one.querySelector("th")).map(tell),
    "id used twice": ids.filter((id, at) => ids.indexOf(id) !== at),
  };
}
