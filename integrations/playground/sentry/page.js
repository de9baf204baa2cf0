// The page refreshes itself when an issue changes, and its button makes the sample application fail.
"use strict";

(() => {
  const said = document.getElementById("said");
  const live = () => document.getElementById("live");

  function say(text, bad) {
    said.textContent = text;
    said.classList.toggle("bad", Boolean(bad));
  }

  async function refresh() {
    const answer = await fetch(location.pathname, { cache: "no-store" });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
    live().replaceWith(document.adoptNode(fresh));
  }

  async function look() {
    try {
      if (!document.hidden) {
        const answer = await fetch("/sentry/-/version", { cache: "no-store" });
        if (answer.ok && (await answer.json()).version !== live().dataset.version) await refresh();
      }
    } catch {
      say("The playground does not answer. Is it still running?", true);
    }
    setTimeout(look, 1500);
  }

  const button = document.getElementById("cause");
  button.addEventListener("click", async () => {
    button.disabled = true;
    say("The application starts, and five people open a mistyped address…");
    try {
      const answer = await fetch("/page/sentry/cause", {
        method: "POST", headers: { "Content-Type": "application/json" }, body: "{}",
      });
      const result = await answer.json();
      say(answer.ok ? result.said : result.error, !answer.ok);
      await refresh();
    } catch {
      say("The playground does not answer. Is it still running?", true);
    }
    button.disabled = false;
  });

  setTimeout(look, 1500);
})();
