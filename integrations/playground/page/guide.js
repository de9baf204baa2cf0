// What helps somebody who sees this for the first time: what a channel is for, what to try, how it goes on.

import { $, h, reconcile } from "./dom.js";

export const FIRST_CHANNEL = "C0PRODUCT";
const SUGGESTIONS = {
  [FIRST_CHANNEL]: [
    "@waggle customers want CSV export of invoices",
    "@waggle the customer search should ignore capitals",
    "@waggle charge tax on the total, not on rounded lines",
    "/waggle status",
  ],
  im: ["status", "help"],
};

// What stands above the first message of a channel.
export function intro(here, person, bot) {
  const direct = here.kind === "im";
  const people = here.members.map((id) => person(id).name);
  const words = direct ? "Only the two of you read this." : `Here are ${people.slice(0, -1).join(", ")} and ${people.at(-1)}.`;
  return {
    key: "intro",
    sign: JSON.stringify([here.id, here.purpose, people]),
    make: () => h("div", { class: "intro" }, h("strong", {}, direct ? person(bot).real_name : `# ${here.name}`), h("p", {}, direct ? "" : here.purpose, " ", words)),
  };
}

// What to try, above an empty field: what was asked already is not offered again. `said`: the texts of the channel.
export function suggest(here, said, writer) {
  const all = (here && !here.archived && SUGGESTIONS[here.kind === "im" ? "im" : here.id]) || [];
  const asked = (words) => words.startsWith("@") && said.some((text) => text.endsWith(words.replace(/^@waggle /, "")));
  const offered = all.filter((words) => !asked(words));
  const fresh = offered.length === all.length;
  const box = $("suggestions");
  box.hidden = !offered.length || !writer.isEmpty();
  reconcile(box, [
    { key: "title", sign: "", make: () => h("span", { class: "suggest-title" }, "Try") },
    ...offered.map((words, position) => ({
      key: words,
      sign: String(fresh),
      make: () => h("button", { type: "button", class: position || !fresh ? "suggestion" : "suggestion first", onclick: () => writer.set(words) }, words),
    })),
  ]);
}

// Three lines, where the work is asked for, and one above the thread. `asking`: the place to ask in is shown.
export function help(asking, open = localStorage.getItem("help") !== "closed") {
  localStorage.setItem("help", open ? "open" : "closed");
  $("help").hidden = !open || !asking;
  $("next").hidden = !open;
  $("help-open").hidden = !asking;
  $("help-open").setAttribute("aria-expanded", String(open));
}

export const helpIsSeen = () => $("help").offsetParent !== null;
