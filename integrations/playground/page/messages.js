// Messages, as a channel and a thread show them.

import { blocks } from "./blocks.js";
import { h, reconcile } from "./dom.js";
import { emoji, REACTIONS } from "./emoji.js";
import { icon } from "./icons.js";
import { mrkdwn } from "./mrkdwn.js";
import { clock, date, dayName, sameDay } from "./time.js";

const TOGETHER_S = 300;
const NEAR_PX = 80;

// Show messages, oldest first, below an introduction. `room` gives people, the acting person, and what can be done:
// {person, me, inThread, seen, act: {press, react, reply, edit, remove, dismiss}}.
export function show(container, messages, room, intro = null) {
  const items = intro ? [intro] : [];
  let previous = null;
  for (const message of messages) {
    const day = date(message.ts);
    if (!room.inThread && (!previous || !sameDay(day, date(previous.ts)))) {
      const name = dayName(day);
      items.push({ key: `day ${day.toDateString()}`, sign: name, make: () => h("h3", { class: "day" }, h("span", {}, name)) });
      previous = null;
    }
    const compact = follows(previous, message);
    const fresh = isFresh(message, room);
    const sign = JSON.stringify([message, compact, fresh, room.me, room.inThread]);
    items.push({ key: message.ts, sign, make: () => one(message, { ...room, compact, fresh }) });
    previous = message;
  }
  reconcile(container, items);
  settle(container);
}

// Who reads the end stays at the end, whatever grows above or around it.
const reading = new WeakMap();
const settle = (container) => { if (reading.get(container) !== false) container.scrollTop = container.scrollHeight; };

export function stayAtTheEnd(container) {
  container.addEventListener("scroll", () => reading.set(container, container.scrollHeight - container.scrollTop - container.clientHeight < NEAR_PX), { passive: true });
  new ResizeObserver(() => settle(container)).observe(container);
  container.addEventListener("load", () => settle(container), true); // pictures
}

export function toTheEnd(container) {
  reading.set(container, true);
  settle(container);
}

function follows(previous, message) {
  if (!previous || previous.user !== message.user || previous.subtype !== message.subtype) return false;
  return !message.blocks && !previous.blocks && Number(message.ts) - Number(previous.ts) < TOGETHER_S && !previous.reply_count;
}

const isFresh = (message, room) => Boolean(message.reply_count) && message.latest_reply > room.seen(message.ts);

function one(message, room) {
  const author = room.person(message.user);
  const day = date(message.ts);
  const whisper = message.subtype === "ephemeral";
  const gone = message.subtype === "tombstone";
  const classes = ["message", room.compact && "compact", whisper && "whisper", author.is_bot && "from-bot", gone && "gone"];
  return h("article", { class: classes.filter(Boolean).join(" "), "aria-label": `${author.name}, ${clock(day)}`, dataset: { ts: message.ts } },
    room.compact ? h("time", { class: "margin", datetime: day.toISOString() }, clock(day)) : avatar(author),
    h("div", { class: "content" },
      !room.compact && h("header", {},
        h("strong", { class: "author" }, author.real_name || author.name),
        author.is_bot && h("span", { class: "badge" }, "APP"),
        h("time", { datetime: day.toISOString(), title: day.toLocaleString() }, clock(day)),
        whisper && h("span", { class: "only-you" }, "Only visible to you")),
      h("div", { class: "body" }, body(message, room)),
      message.files?.length > 0 && h("div", { class: "files" }, message.files.map(file)),
      reactions(message, room),
      !room.inThread && message.reply_count > 0 && summary(message, room),
      whisper && h("button", { type: "button", class: "link", onclick: () => room.act.dismiss(message) }, "Dismiss")),
    !whisper && !gone && toolbar(message, room));
}

function body(message, room) {
  const press = (action_id, block_id, choice) => room.act.press(message, action_id, block_id, choice);
  if (message.blocks?.length) {
    const shown = h("div", { class: "blocks" }, blocks(message.blocks, press));
    const text = message.files?.length ? mrkdwn(message.text) : [];
    return [...text, shown];
  }
  const edited = message.edited ? h("span", { class: "edited", title: date(message.edited.ts).toLocaleString() }, " (edited)") : null;
  const made = mrkdwn(message.text || "");
  const last = made.at(-1);
  if (edited && last?.tagName === "P") last.append(edited);
  else if (edited) made.push(edited);
  return made;
}

export const avatar = (person, small = false) =>
  h("span", { class: `avatar ${small ? "small " : ""}a-${person.is_bot ? "bot" : person.name}`, "aria-hidden": "true" },
    person.is_bot ? "" : (person.name || "?")[0].toUpperCase());

function file(one) {
  const path = new URL(one.url_private).pathname;
  if (/^image\/(png|jpeg|gif|webp)$/.test(one.mimetype)) {
    return h("a", { href: path, target: "_blank", rel: "noopener" }, h("img", { src: path, alt: one.title, loading: "lazy" }));
  }
  return h("a", { class: "file", href: `${path}?download=1`, download: one.name },
    h("span", { class: "file-kind", "aria-hidden": "true" }, one.filetype.slice(0, 4)),
    h("span", {}, h("strong", {}, one.title), h("small", {}, size(one.size))));
}

const size = (bytes) => (bytes < 1024 ? `${bytes} bytes` : bytes < 1048576 ? `${Math.round(bytes / 1024)} KB` : `${(bytes / 1048576).toFixed(1)} MB`);

function reactions(message, room) {
  if (!message.reactions?.length) return null;
  return h("div", { class: "reactions" }, message.reactions.map((reaction) => {
    const mine = reaction.users.includes(room.me);
    const who = reaction.users.map((id) => room.person(id).name).join(", ");
    return h("button", { type: "button", class: mine ? "mine" : "", "aria-pressed": String(mine), title: `${who}: ${reaction.name}`, "aria-label": `${reaction.name}, ${who}`, dataset: { focus: `reaction ${reaction.name}` },
      onclick: () => room.act.react(message, reaction.name, !mine) }, emoji(reaction.name) || `:${reaction.name}:`, h("span", {}, String(reaction.count)));
  }));
}

function summary(message, room) {
  const count = message.reply_count;
  return h("button", { type: "button", class: `thread-summary ${room.fresh ? "fresh" : ""}`, dataset: { focus: "thread" }, onclick: () => room.act.reply(message) },
    message.reply_users.slice(0, 4).map((id) => avatar(room.person(id), true)),
    h("strong", {}, `${count} ${count === 1 ? "reply" : "replies"}`),
    room.fresh && h("span", { class: "new" }, "new"),
    h("span", { class: "when" }, `${dayName(date(message.latest_reply))} ${clock(date(message.latest_reply))}`));
}

function toolbar(message, room) {
  const mine = message.user === room.me;
  const picker = h("div", { class: "picker", hidden: true }, REACTIONS.map((name) =>
    h("button", { type: "button", "aria-label": name, title: name, onclick: () => room.act.react(message, name, true) }, emoji(name))));
  const tool = (name, sign, onclick, more = {}) =>
    h("button", { type: "button", "aria-label": name, title: name, dataset: { focus: `tool ${name}` }, onclick, ...more }, sign);
  return h("div", { class: "toolbar" },
    tool("Add a reaction", icon("smile"), () => { picker.hidden = !picker.hidden; }),
    !room.inThread && tool("Reply in thread", icon("reply"), () => room.act.reply(message)),
    mine && tool("Edit", icon("edit"), () => room.act.edit(message)),
    mine && tool("Delete", icon("remove"), () => room.act.remove(message)),
    picker);
}
