// Runs before the first paint, so that a chosen theme does not flash. Not a module: those wait for the document.
(() => {
  try {
    const chosen = localStorage.getItem("nexus-demo:theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset["theme"] = chosen;
  } catch {
    // Storage can be forbidden; the system's theme is right then.
  }
})();
