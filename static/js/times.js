// Keeps "3 min ago" true while the page is open, and shows exact times in UTC or in this computer's zone.
(() => {
  const words = document.body.dataset;
  const button = document.querySelector("[data-zone]");
  const kept = () => {
    try { return localStorage.getItem("zone") === "local" ? undefined : "UTC"; } catch { return "UTC"; }
  };
  const exact = { dateStyle: "medium", timeStyle: "long" };

  const ago = (seconds) => {
    if (seconds < 60) return words.agoNow;
    if (seconds < 3600) return words.agoMinutes.replace("0", Math.floor(seconds / 60));
    if (seconds < 86400) return words.agoHours.replace("0", Math.floor(seconds / 3600));
    return words.agoDays.replace("0", Math.floor(seconds / 86400));
  };
  const show = (root) => {
    const timeZone = kept();
    for (const time of root.querySelectorAll("time[datetime]")) {
      const at = new Date(time.dateTime);
      const seconds = (Date.now() - at) / 1000;
      time.title = new Intl.DateTimeFormat(document.documentElement.lang, { ...exact, timeZone }).format(at);
      if ("clock" in time.dataset) {
        time.textContent = new Intl.DateTimeFormat("en-GB", { timeStyle: "short", timeZone }).format(at);
      } else if (seconds >= 0) {
        const text = ago(seconds);
        if (time.textContent !== text) time.textContent = text;
      }
    }
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (button) button.querySelector("[data-zone-name]").textContent = timeZone ?? zone.split("/").at(-1).replace("_", " ");
  };

  button?.addEventListener("click", () => {
    try { localStorage.setItem("zone", kept() ? "local" : "utc"); } catch { /* stays UTC */ }
    show(document);
  });
  document.body.addEventListener("htmx:afterRequest", () => show(document));
  setInterval(() => { if (!document.hidden) show(document); }, 30000);
  show(document);
})();
