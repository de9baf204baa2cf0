// The workspace: what is shown, where one is, who one is, and what happens when something changes.

import { act, get, listen, upload } from "./api.js";
import { blocks, choices } from "./blocks.js";
import { composer } from "./composer.js";
import { ask } from "./confirm.js";
import { $, h, reconcile } from "./dom.js";
import { edit } from "./editing.js";
import { showForm } from "./forms.js";
import { FIRST_CHANNEL, help, helpIsSeen, intro, suggest } from "./guide.js";
import { icon } from "./icons.js";
import { show, stayAtTheEnd, toTheEnd } from "./messages.js";
import { names } from "./mrkdwn.js";
import { sidebar } from "./sidebar.js";

const EAGER_MS = 120_000; // how long after a request the first answer opens its thread by itself

const saved = (key) => { try { return JSON.parse(sessionStorage.getItem(key)); } catch { return null; } };
const save = (key, value) => sessionStorage.setItem(key, JSON.stringify(value));

const now = { user: saved("user") || "U0ANA", channel: FIRST_CHANNEL, thread: "", tab: "messages", state: null, asked: null, said: [] };
const seen = saved("seen") || {};

const person = (id) => now.state?.users.find((one) => one.id === id) || { id, name: id === "USLACKBOT" ? "playground" : id, real_name: "" };
const place = () => now.state?.channels.find((one) => one.id === now.channel);

names.user = (id) => person(id).name;
names.channel = (id) => now.state?.channels.find((one) => one.id === id)?.name;
choices.users = () => now.state.users.map((one) => ({ value: one.id, name: one.name }));
choices.channels = () => now.state.channels.filter((one) => one.kind === "channel").map((one) => ({ value: one.id, name: `#${one.name}` }));

function failed(error) {
  const toast = h("div", { class: "toast" }, h("span", {}, error.message), h("button", { type: "button", class: "icon", "aria-label": "Close", onclick: () => toast.remove() }, "×"));
  $("toasts").append(toast);
  setTimeout(() => toast.remove(), 9000);
}
const attempt = (promise) => promise.catch(failed);

const doing = {
  press: (message, action_id, block_id, choice) =>
    attempt(act("click", { channel: now.channel, ts: message.ts, action_id, block_id, choice, user: now.user })),
  react: (message, name, on) => attempt(act("react", { channel: now.channel, ts: message.ts, name, on, user: now.user })),
  reply: (message) => go(now.channel, message.thread_ts || message.ts, true),
  dismiss: (message) => attempt(act("dismiss", { ts: message.ts, user: now.user })),
  remove: async (message) => {
    const sure = await ask({ title: { text: "Delete this message?" }, confirm: { text: "Delete" }, style: "danger" });
    if (sure) attempt(act("delete", { channel: now.channel, ts: message.ts, user: now.user }));
  },
  edit: (message) =>
    edit(message, names.user, (text) => attempt(act("edit", { channel: now.channel, ts: message.ts, text, user: now.user }))),
};

const room = (inThread) => ({ person, me: now.user, inThread, act: doing, seen: (ts) => seen[ts] || "" });

// ---- where one is

function go(channel, thread = "", focus = false) {
  now.focusThread = focus;
  const hash = `#/${channel}${thread ? `/${thread}` : ""}`;
  if (location.hash === hash) arrive();
  else location.hash = hash;
}

function arrive() {
  const [, channel, thread] = location.hash.split("/");
  const moved = channel && channel !== now.channel;
  now.channel = channel || now.channel;
  if ((thread || "") !== now.thread) {
    $("replies").replaceChildren();
    toTheEnd($("replies"));
  }
  now.thread = thread || "";
  if (moved) {
    now.tab = "messages";
    $("messages").replaceChildren();
    toTheEnd($("messages"));
    if (place()?.kind === "im") attempt(act("home", { user: now.user, tab: "messages" }));
  }
  attempt(load());
}

// ---- loading and showing

let loading = null;
let again = false;

// One load at a time; what changes meanwhile is loaded afterwards.
function load() {
  again = true;
  loading ||= (async () => {
    try {
      while (again) {
        again = false;
        await loadOnce();
      }
    } finally {
      loading = null;
    }
  })();
  return loading;
}

async function loadOnce() {
  const { channel, thread, user } = now;
  const [state, messages, replies] = await Promise.all([
    get("state", { user }),
    get("messages", { channel, user }),
    thread ? get("thread", { channel, ts: thread, user }) : null,
  ]);
  if (channel !== now.channel || thread !== now.thread || user !== now.user) {
    again = true;
    return;
  }
  now.state = state;
  if (!place()) return go(FIRST_CHANNEL);
  now.said = messages.messages.map((one) => one.text);
  openAnswer(messages.messages);
  sidebar(state, now, become);
  head();
  $("thread").hidden = !thread;
  if (replies) showThread(replies.messages); // first: what is seen there is not new in the channel
  show($("messages"), messages.messages, room(false), intro(place(), person, state.bot));
  pointOut(thread);
  $("app").classList.toggle("with-thread", Boolean(thread));
  home();
  showForm(state.views.at(-1), user, failed);
  markRead(messages.messages, replies?.messages || []);
}

// The message whose thread is open, as far as the channel shows it.
function pointOut(ts) {
  if (ts === now.pointed) return;
  now.pointed = ts;
  for (const one of document.querySelectorAll("#messages .here")) one.classList.remove("here");
  const message = ts && document.querySelector(`#messages .message[data-ts="${CSS.escape(ts)}"]`);
  if (!message) return;
  message.classList.add("here");
  message.scrollIntoView({ block: "nearest" });
}

function showThread(replies) {
  const root = replies[0];
  $("thread-title").textContent = "Thread";
  show($("replies"), replies, room(true));
  writers.thread.lock(!root || place().archived);
  if (now.focusThread) writers.thread.focus();
  now.focusThread = false;
  const latest = replies.at(-1)?.ts;
  if (latest && seen[now.thread] !== latest) {
    seen[now.thread] = latest;
    save("seen", seen);
  }
}

// The first answer to a request of one's own opens its thread: a newcomer should not have to look for it.
function openAnswer(messages) {
  if (!now.asked || Date.now() - now.asked.at > EAGER_MS) return;
  const message = messages.find((one) => one.ts === now.asked.ts);
  if (message?.reply_count && now.channel === now.asked.channel) {
    now.asked = null;
    if (!now.thread) go(now.channel, message.ts);
  }
}

function head() {
  const here = place();
  const direct = here.kind === "im";
  const bot = person(now.state.bot);
  $("channel-name").textContent = direct ? bot.real_name : `# ${here.name}`;
  $("channel-purpose").textContent = direct ? "Only you and Waggle" : here.purpose;
  const unread = now.state.channels.reduce((sum, one) => sum + (one.id === now.channel ? 0 : one.unread), 0);
  document.title = `${unread ? `(${unread}) ` : ""}${direct ? bot.real_name : `#${here.name}`} · Playground`;
  for (const writer of Object.values(writers)) writer.describe();
  writers.channel.lock(here.archived);
  $("offline").hidden = now.state.connected && here.has_waggle;
  $("offline").replaceChildren(...(now.state.connected
    ? ["Waggle is not in this channel. ", h("button", { type: "button", class: "link", onclick: () => attempt(act("channel", { channel: here.id, do: "invite_waggle", user: now.user })) }, "Invite it")]
    : ["Waggle is not connected: nobody answers here until ", h("code", {}, "make run"), " is running again."]));
  offer();
  help(asking());
  $("tabs").hidden = !direct;
  if (direct) reconcile($("tabs"), ["messages", "home"].map((tab) => ({
    key: tab,
    sign: String(tab === now.tab),
    make: () => h("button", { type: "button", role: "tab", "aria-selected": String(tab === now.tab), dataset: { focus: tab }, onclick: () => openTab(tab) }, tab === "home" ? "Home" : "Messages"),
  })));
}

function openTab(tab) {
  now.tab = tab;
  attempt(act("home", { user: now.user, tab }));
  attempt(load());
}

function home() {
  const shown = now.tab === "home" && place().kind === "im";
  $("home").hidden = !shown;
  $("messages").hidden = shown;
  $("composer").hidden = shown;
  if (!shown) return;
  const view = now.state.home;
  const press = (action_id, block_id, choice) => attempt(act("press", { view_id: view.id, action_id, choice, user: now.user }));
  reconcile($("home"), [{
    key: "home",
    sign: view ? view.hash : "",
    make: () => h("div", { class: "home blocks" }, view ? blocks(view.blocks, press) : h("p", { class: "nothing" }, "Waggle has nothing to show here yet.")),
  }]);
}

const asking = () => now.channel === FIRST_CHANNEL && now.tab === "messages";
const offer = () => suggest(now.tab === "messages" ? place() : null, now.said, writers.channel);

function markRead(messages, replies) {
  const latest = [...messages, ...replies].map((one) => one.ts).concat(place().unread ? [String(Date.now() / 1000)] : []).sort().at(-1);
  if (document.hidden || !latest || !place().unread) return;
  act("read", { channel: now.channel, ts: latest, user: now.user }).catch(failed);
}

// ---- doing

async function send(text, file, thread_ts = "") {
  const said = { channel: now.channel, text, thread_ts, user: now.user };
  if (text.startsWith("/") && !file) return act("slash", said);
  const answer = file ? await upload(said, file) : await act("say", said);
  if (!thread_ts && text.includes("@waggle")) now.asked = { ts: answer.ts, channel: now.channel, at: Date.now() };
  toTheEnd(thread_ts ? $("replies") : $("messages"));
  return answer;
}

function become(user) {
  now.user = user;
  save("user", user);
  now.asked = null;
  if (place()?.kind === "im") go(FIRST_CHANNEL);
  attempt(load());
}

const common = {
  people: () => (now.state?.users || []).map((one) => ({ name: one.name, what: one.is_bot ? "builds what you ask for" : one.title })),
  channels: () => (now.state?.channels || []).filter((one) => one.kind === "channel").map((one) => ({ name: one.name, what: one.purpose })),
  command: "/waggle",
  maxFile: () => now.state?.max_file_bytes || 0,
  failed,
};
const writers = {
  channel: composer($("composer"), {
    ...common, id: "composer", send, empty: () => now.state && offer(),
    placeholder: () => {
      const here = place();
      if (!here) return "";
      if (here.archived) return "This channel is archived";
      if (here.kind === "im") return "Message Waggle";
      return here.id === FIRST_CHANNEL ? `Message #${here.name}: write @waggle and what you want` : `Message #${here.name}`;
    },
  }),
  thread: composer($("thread-composer"), {
    ...common, id: "thread-composer", inThread: true, send: (text, file) => send(text, file, now.thread),
    placeholder: () => "Reply: approve, retry, stop, or guidance",
  }),
};

// ---- help, keys, changes

for (const id of ["messages", "replies"]) stayAtTheEnd($(id));
for (const id of ["help-close", "thread-close"]) $(id).replaceChildren(icon("close"));
$("pulls-icon").replaceChildren(icon("pull"));
$("errors-icon").replaceChildren(icon("pulse"));

$("help-open").onclick = () => {
  const open = !helpIsSeen();
  if (now.thread) closeThread();
  help(asking(), open);
};
$("help-close").onclick = () => {
  help(asking(), false);
  writers.channel.focus();
};
$("thread-close").onclick = () => closeThread();

function closeThread() {
  const root = now.thread;
  go(now.channel);
  document.querySelector(`.message[data-ts="${root}"] .thread-summary`)?.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && now.thread && !document.querySelector("dialog[open]")) closeThread();
  const typing = /^(TEXTAREA|INPUT|SELECT)$/.test(document.activeElement?.tagName);
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    writers.channel.focus();
  }
});
addEventListener("hashchange", arrive);
document.addEventListener("visibilitychange", () => document.hidden || attempt(load()));

if (new URLSearchParams(location.search).has("token")) history.replaceState(null, "", `/${location.hash}`);
let wait = null;
listen(
  () => { wait ||= setTimeout(() => { wait = null; attempt(load()); }, 40); },
  (open, over) => {
    document.body.classList.toggle("cut-off", !open);
    if (!over) return;
    $("offline").hidden = false;
    $("offline").replaceChildren("This address is not valid any more. Open the one that ", h("code", {}, "make run"), " prints.");
  },
);
const [, channel, thread] = location.hash.split("/");
now.channel = channel || FIRST_CHANNEL;
now.thread = thread || "";
attempt(load()).then(() => writers.channel.focus());
