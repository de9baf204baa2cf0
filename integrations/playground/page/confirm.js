// The question before a button does something.

import { $, h } from "./dom.js";
import { mrkdwn, plain } from "./mrkdwn.js";

const words = (object, otherwise) => object?.text || otherwise;

// True when the person says yes.
export function ask(confirm) {
  const dialog = $("confirm");
  return new Promise((resolve) => {
    const end = (answer) => {
      dialog.close();
      dialog.replaceChildren();
      resolve(answer);
    };
    dialog.replaceChildren(h("form", { method: "dialog" },
      h("h2", { id: "confirm-title" }, words(confirm.title, "Are you sure?")),
      confirm.text && h("div", { id: "confirm-text" }, confirm.text.type === "mrkdwn" ? mrkdwn(confirm.text.text) : plain(confirm.text.text)),
      h("div", { class: "dialog-actions" },
        h("button", { type: "button", class: "button", onclick: () => end(false) }, words(confirm.deny, "Cancel")),
        h("button", { type: "button", class: `button ${confirm.style || "primary"}`, onclick: () => end(true) }, words(confirm.confirm, "Yes")))));
    dialog.oncancel = (event) => {
      event.preventDefault();
      end(false);
    };
    dialog.showModal();
  });
}
