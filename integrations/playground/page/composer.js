// The field that people write in: Enter sends; @, # and / offer what can be named.

import { h } from "./dom.js";
import { icon } from "./icons.js";

const COMMANDS = [
  ["new ", "a request: ask for a change"],
  ["status", "what is running, and what waits for you"],
  ["approve ", "T-12: start a plan"],
  ["retry ", "T-12 and what to change"],
  ["stop ", "T-12: end the agent"],
  ["help", "everything that can be said"],
];
const MAX_HEIGHT_PX = 220;

// Make a composer inside `form`. `options`: {id, placeholder(), people(), channels(), command, inThread,
// send(text, file) -> promise, empty(isEmpty), maxFile()}.
export function composer(form, options) {
  let file = null;
  const list = h("ul", { class: "offers", role: "listbox", id: `${options.id}-offers`, hidden: true });
  const note = h("p", { class: "composer-note", hidden: true });
  const text = h("textarea", {
    id: `${options.id}-text`, rows: "1", "aria-label": options.inThread ? "Reply" : "Message", role: "combobox",
    "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id, spellcheck: "true",
  });
  const chooser = h("input", { type: "file", hidden: true, tabIndex: -1, onchange: () => take(chooser.files[0]) });
  const chip = h("span", { class: "chip", hidden: true });
  const sender = h("button", { type: "submit", class: "send", "aria-label": "Send", disabled: true }, icon("send"));
  const attach = h("button", { type: "button", class: "icon", "aria-label": "Attach a file", title: "Attach a file", onclick: () => chooser.click() }, icon("attach"));
  form.replaceChildren(list, note, text, h("div", { class: "composer-row" }, attach, chooser, chip, h("span", { class: "keys" }, h("kbd", {}, "Enter"), " sends · ", h("kbd", {}, "Shift Enter"), " new line"), sender));

  let offers = [];
  let active = 0;

  function take(chosen) {
    file = chosen && chosen.size <= options.maxFile() ? chosen : null;
    chip.hidden = !file;
    if (file) chip.replaceChildren(file.name, h("button", { type: "button", "aria-label": "Remove the file", onclick: () => take(null) }, "×"));
    if (chosen && !file) options.failed(new Error(`A file has at most ${Math.round(options.maxFile() / 1048576)} MB.`));
    chooser.value = "";
    refresh();
    if (chosen) text.focus();
  }

  function refresh() {
    text.style.setProperty("height", "auto");
    if (text.scrollHeight) text.style.setProperty("height", `${Math.min(text.scrollHeight, MAX_HEIGHT_PX)}px`); // 0 while hidden
    const empty = !text.value.trim() && !file;
    sender.disabled = empty;
    options.empty?.(empty);
    const command = options.inThread && text.value.startsWith("/");
    note.hidden = !command;
    if (command) note.textContent = "Commands do not work in threads. Write a reply: approve, retry and what to change, stop, or any guidance.";
  }

  function offer() {
    offers = found();
    active = 0;
    draw();
  }

  function found() {
    const before = text.value.slice(0, text.selectionStart);
    if (!options.inThread && /^\/\S* ?\S*$/.test(before)) {
      const typed = before.slice(1).replace(/^waggle ?/, "");
      const whole = `${options.command} `;
      if (!whole.startsWith(before) && !before.startsWith(whole)) return [];
      return COMMANDS.filter(([name]) => name.startsWith(typed) || whole.startsWith(before)).map(([name, what]) =>
        ({ from: 0, text: whole + name, name: whole + name, what }));
    }
    const word = /(^|\s)([@#])([\w-]*)$/.exec(before);
    if (!word) return [];
    const pool = word[2] === "@" ? options.people() : options.channels();
    const from = before.length - word[3].length - 1;
    return pool.filter((one) => one.name.startsWith(word[3].toLowerCase()) && one.name !== word[3]).map((one) =>
      ({ from, text: `${word[2]}${one.name} `, name: `${word[2]}${one.name}`, what: one.what }));
  }

  function draw() {
    list.hidden = offers.length === 0;
    text.setAttribute("aria-expanded", String(!list.hidden));
    list.replaceChildren(...offers.map((one, position) =>
      h("li", { id: `${list.id}-${position}`, role: "option", "aria-selected": String(position === active), onmousedown: (event) => { event.preventDefault(); choose(position); } },
        h("strong", {}, one.name), h("span", {}, one.what))));
    if (offers.length) text.setAttribute("aria-activedescendant", `${list.id}-${active}`);
    else text.removeAttribute("aria-activedescendant");
  }

  function choose(position) {
    const one = offers[position];
    text.setRangeText(one.text, one.from, text.selectionStart, "end");
    offers = [];
    draw();
    refresh();
  }

  async function send() {
    const words = text.value.trim();
    if (!words && !file) return;
    const sent = { words: text.value, file };
    text.value = "";
    take(null);
    offers = [];
    draw();
    try {
      await options.send(words, sent.file);
    } catch (error) {
      if (!text.value) text.value = sent.words; // nothing that was typed is lost
      take(sent.file);
      options.failed(error);
    }
    text.focus();
    refresh();
  }

  text.addEventListener("input", () => { refresh(); offer(); });
  text.addEventListener("blur", () => { offers = []; draw(); });
  text.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const open = offers.length > 0;
    if (open && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      active = (active + (event.key === "ArrowDown" ? 1 : offers.length - 1)) % offers.length;
      draw();
    } else if (open && (event.key === "Tab" || (event.key === "Enter" && !exact()))) choose(active);
    else if (open && event.key === "Escape") { offers = []; draw(); }
    else if (event.key === "Enter" && !event.shiftKey) send();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  const exact = () => offers.some((one) => one.text.trim() === text.value.trim());
  form.addEventListener("submit", (event) => { event.preventDefault(); send(); });
  for (const kind of ["dragover", "drop"]) {
    form.parentElement.addEventListener(kind, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      if (kind === "drop") take(event.dataTransfer.files[0]);
    });
  }
  refresh();

  return {
    focus: () => text.focus(),
    set: (words) => { text.value = words; text.focus(); text.setSelectionRange(words.length, words.length); refresh(); },
    describe: () => { text.placeholder = options.placeholder(); refresh(); },
    isEmpty: () => !text.value.trim() && !file,
    lock: (locked) => { text.disabled = locked; attach.disabled = locked; },
  };
}
