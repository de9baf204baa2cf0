// Editing a message of one's own, in its place.

import { h } from "./dom.js";
import { unescape } from "./mrkdwn.js";

// What was typed, from what is stored.
const typed = (text, name) => unescape(text.replace(/<@(\w+)>/g, (_, id) => `@${name(id)}`)
  .replace(/<#\w+\|([^>]+)>/g, "#$1").replace(/<!(\w+)>/g, "@$1").replace(/<(https?:[^>|]+)>/g, "$1"));

// `keep(text)` saves and resolves to whether it worked.
export function edit(message, name, keep) {
  const body = document.querySelector(`.message[data-ts="${CSS.escape(message.ts)}"] .body`);
  const before = [...body.childNodes];
  const cancel = () => body.replaceChildren(...before);
  const text = h("textarea", { rows: "3", "aria-label": "Edit the message" }, typed(message.text, name));
  const save = () => keep(text.value);
  text.onkeydown = (event) => {
    if (event.key === "Escape") cancel();
    else if (event.key === "Enter" && !event.shiftKey) save();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  body.replaceChildren(text, h("div", { class: "dialog-actions" },
    h("button", { type: "button", class: "button", onclick: cancel }, "Cancel"),
    h("button", { type: "button", class: "button primary", onclick: save }, "Save")));
  text.focus();
}
