// The sidebar: channels with what is unread, direct messages, and who one is.

import { $, h, reconcile } from "./dom.js";
import { avatar } from "./messages.js";

export function sidebar(state, current, become) {
  places($("channels"), state.channels.filter((one) => one.kind === "channel"), current, (one) => h("span", { class: "sign", "aria-hidden": "true" }, "#"), (one) => one.name);
  const bot = state.users.find((one) => one.is_bot);
  places($("direct"), state.channels.filter((one) => one.kind === "im"), current, () => avatar(bot, true), () => bot.real_name);
  const people = state.users.filter((one) => one.at_page);
  reconcile($("people"), [
    { key: "legend", sign: "", make: () => h("legend", {}, "You are") },
    ...people.map((person) => ({
      key: person.id,
      sign: String(person.id === current.user),
      make: () => h("label", { class: person.id === current.user ? "person on" : "person" },
        h("input", { type: "radio", name: "person", value: person.id, checked: person.id === current.user, dataset: { focus: person.id }, onchange: () => become(person.id) }),
        avatar(person), h("span", {}, h("strong", {}, person.name), h("small", {}, person.title))),
    })),
  ]);
}

function places(list, channels, current, sign, name) {
  reconcile(list, channels.map((one) => {
    const here = one.id === current.channel;
    return {
      key: one.id,
      sign: JSON.stringify([here, one.unread, one.archived]),
      make: () => h("li", {}, h("a", { class: `place ${one.unread && !here ? "unread" : ""} ${one.archived ? "archived" : ""}`, href: `#/${one.id}`, "aria-current": here ? "page" : null, dataset: { focus: one.id } },
        sign(one), h("span", { class: "name" }, name(one)),
        one.unread > 0 && !here && h("span", { class: "count", "aria-label": `${one.unread} unread` }, String(one.unread)))),
    };
  }));
}
