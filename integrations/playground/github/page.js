// The page refreshes itself while something happens, and carries out what its buttons say as the chosen person.
"use strict";

(() => {
  const person = document.getElementById("person");
  const said = document.getElementById("said");
  const live = () => document.getElementById("live");

  person.value = localStorage.getItem("person") || "ana";
  if (!person.value) person.selectedIndex = 0;
  person.addEventListener("change", () => localStorage.setItem("person", person.value));

  function say(text, bad) {
    said.textContent = text;
    said.classList.toggle("bad", Boolean(bad));
    clearTimeout(say.timer);
    say.timer = setTimeout(() => { said.textContent = ""; }, 8000);
  }

  async function refresh() {
    const answer = await fetch(location.pathname + location.search, { cache: "no-store" });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
    const held = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.do : "";
    const closed = new Set([...live().querySelectorAll("details.file:not([open]) .path")].map((e) => e.textContent));
    const bypass = document.getElementById("bypass");
    for (const path of fresh.querySelectorAll("details.file .path")) {
      if (closed.has(path.textContent)) path.closest("details").removeAttribute("open");
    }
    live().replaceWith(document.adoptNode(fresh));
    if (bypass && bypass.checked && document.getElementById("bypass")) document.getElementById("bypass").checked = true;
    allowBypass();
    if (held) {
      const same = live().querySelector(`[data-do="${CSS.escape(held)}"]`);
      if (same) same.focus();
    }
  }

  async function look() {
    const { watch, version, pace } = live().dataset;
    if (!watch || pace === "0") return;
    try {
      if (!document.hidden) {
        const answer = await fetch(watch, { cache: "no-store" });
        if (answer.ok && (await answer.json()).version !== version) await refresh();
      }
    } catch (error) {
      say("The playground does not answer. Is it still running?", true);
    }
    setTimeout(look, 1000 * Number(live().dataset.pace || 3));
  }

  async function act(path, body) {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ user: person.value, ...body }),
    });
    const text = await answer.text();
    let result;
    try { result = JSON.parse(text); } catch { result = { error: text }; }
    if (!answer.ok) {
      say(result.error || `It did not work (${answer.status}).`, true);
      return false;
    }
    await refresh();
    return true;
  }

  function pullPath() {
    return `${live().dataset.act}/pull/${location.pathname.split("/").pop()}`;
  }

  const DEEDS = {
    merge: (button) => [`${pullPath()}/merge`, { sha: button.dataset.sha, bypass: isBypassing() }, "Merged."],
    close: () => [`${pullPath()}/close`, {}, "Closed."],
    reopen: () => [`${pullPath()}/reopen`, {}, "Reopened."],
    "delete-branch": () => [`${pullPath()}/delete-branch`, {}, "The branch is gone."],
    resolve: (button) => [`${pullPath()}/resolve`, { thread: Number(button.dataset.thread) }, "Resolved."],
    rerun: (button) => [`${live().dataset.act}/rerun`, { run: Number(button.dataset.run) }, "Running again."],
  };

  function isBypassing() {
    const box = document.getElementById("bypass");
    return Boolean(box && box.checked);
  }

  function allowBypass() {
    const box = document.getElementById("bypass");
    const button = live().querySelector('[data-do="merge"]');
    if (box && button) button.disabled = !box.checked;
  }

  document.addEventListener("change", (event) => { if (event.target.id === "bypass") allowBypass(); });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-do]");
    if (!button || button.disabled) return;
    const [path, body, done] = DEEDS[button.dataset.do](button);
    button.disabled = true;
    const ok = await act(path, body);
    if (ok) say(done);
    else if (button.isConnected) button.disabled = false;
  });

  const form = document.getElementById("comment");
  if (form) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const kind = event.submitter ? event.submitter.value : "comment";
      const body = form.elements.body.value;
      const ok = kind === "comment"
        ? await act(`${pullPath()}/comment`, { body })
        : await act(`${pullPath()}/review`, { event: kind, body });
      if (ok) {
        form.reset();
        say(kind === "comment" ? "Said." : "Reviewed.");
      }
    });
  }

  allowBypass();
  setTimeout(look, 1000);
})();
