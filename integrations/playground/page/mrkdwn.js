// Slack's mrkdwn to elements. The text holds escaped entities and tokens in angle brackets; see
// docs.slack.dev/messaging/formatting-message-text.

import { h } from "./dom.js";
import { emoji, pictured } from "./emoji.js";
import { formatDate } from "./time.js";

const ENTITIES = { "&amp;": "&", "&lt;": "<", "&gt;": ">" };
export const unescape = (text) => text.replace(/&(amp|lt|gt);/g, (entity) => ENTITIES[entity]);

// Names of people and channels, set by the application.
export const names = { user: (id) => id, channel: (id) => id, open: () => {} };

export function mrkdwn(text, { verbatim = false } = {}) {
  return text.split(/```/).flatMap((part, position) => {
    if (position % 2) return [h("pre", {}, unescape(part.replace(/^\n|\n$/g, "")))];
    return lines(position ? part.replace(/^\n/, "") : part, verbatim);
  });
}

// Quotes and list items stand in elements of their own; the lines between them are one paragraph.
function lines(text, verbatim) {
  const made = [];
  let paragraph = [];
  const flush = () => {
    if (paragraph.length && paragraph.some((line) => line.trim())) {
      made.push(h("p", {}, paragraph.flatMap((line, n) => (n ? [h("br"), ...inline(line, verbatim)] : inline(line, verbatim)))));
    }
    paragraph = [];
  };
  const last = (tag) => {
    const element = made.at(-1);
    return !paragraph.length && element?.tagName === tag ? element : null;
  };
  for (const line of text.split("\n")) {
    const quote = /^(?:&gt;|>) ?(.*)$/.exec(line);
    const item = /^\s*[•◦▪-] (.*)$/.exec(line);
    if (quote) {
      const open = last("BLOCKQUOTE");
      if (open) open.append(h("br"), ...inline(quote[1], verbatim));
      else {
        flush();
        made.push(h("blockquote", {}, inline(quote[1], verbatim)));
      }
    } else if (item) {
      const open = last("UL");
      const entry = h("li", {}, inline(item[1], verbatim));
      if (open) open.append(entry);
      else {
        flush();
        made.push(h("ul", {}, entry));
      }
    } else if (!line.trim() && !paragraph.length) continue;
    else paragraph.push(line);
  }
  flush();
  return made;
}

const STYLES = { "*": "strong", _: "em", "~": "s" };
const BEFORE = /[\s(\[{"'“‘—–*_~/:;,.!?]/;
const AFTER = /[\s)\]}"'”’—–*_~/:;,.!?]/;
const ADDRESS = /^https?:\/\/[^\s<>|]*[^\s<>|.,;:!?'")\]]/;

// One line of text: tokens, code, styles, emoji, addresses.
export function inline(text, verbatim = false) {
  const made = [];
  let plain = "";
  const flush = () => {
    if (plain) made.push(...pictured(unescape(plain)));
    plain = "";
  };
  const put = (node, length) => {
    flush();
    made.push(node);
    return length;
  };
  for (let at = 0; at < text.length; ) {
    const rest = text.slice(at);
    const before = at === 0 ? " " : text[at - 1];
    at += step(rest, before);
  }
  flush();
  return made;

  function step(rest, before) {
    const sign = rest[0];
    if (sign === "<") {
      const end = rest.indexOf(">");
      if (end > 1) return put(token(rest.slice(1, end)), end + 1);
    } else if (sign === "`") {
      const end = rest.indexOf("`", 1);
      if (end > 1) return put(h("code", {}, unescape(rest.slice(1, end))), end + 1);
    } else if (sign in STYLES && BEFORE.test(before)) {
      const end = closing(rest, sign);
      if (end) return put(h(STYLES[sign], {}, inline(rest.slice(1, end), verbatim)), end + 1);
    } else if (sign === ":") {
      const found = /^:([a-z0-9_+'-]+(?:::skin-tone-\d)?):/.exec(rest);
      const picture = found && emoji(found[1]);
      if (picture) return put(picture, found[0].length);
    } else if (sign === "h" && !verbatim && !/\w/.test(before)) {
      const found = ADDRESS.exec(rest);
      if (found) return put(link(unescape(found[0]), unescape(found[0])), found[0].length);
    }
    plain += sign;
    return 1;
  }
}

function closing(text, sign) {
  if (/\s/.test(text[1] ?? " ")) return 0;
  for (let end = text.indexOf(sign, 2); end > 0; end = text.indexOf(sign, end + 1)) {
    if (!/\s/.test(text[end - 1]) && AFTER.test(text[end + 1] ?? " ")) return end;
  }
  return 0;
}

function token(inside) {
  const [target, ...rest] = inside.split("|");
  const label = rest.length ? unescape(rest.join("|")) : "";
  if (target.startsWith("@")) return mention(target.slice(1));
  if (target.startsWith("#")) return channel(target.slice(1), label);
  if (target.startsWith("!date^")) return date(target, label);
  if (target.startsWith("!")) return h("span", { class: "mention" }, `@${label || target.slice(1).split("^")[0]}`);
  return link(unescape(target), label || unescape(target));
}

export const mention = (id) => h("span", { class: "mention" }, `@${names.user(id)}`);

export const channel = (id, label = "") =>
  h("a", { class: "mention", href: `#/${id}` }, `#${names.channel(id) || label || id}`);

// A permalink into this workspace stays on the page.
function inside(url) {
  const found = URL.canParse(url) && new URL(url).host === location.host && /^\/archives\/(\w+)\/p(\d+)(\d{6})$/.exec(new URL(url).pathname);
  return found && `#/${found[1]}/${new URL(url).searchParams.get("thread_ts") || `${found[2]}.${found[3]}`}`;
}

export function link(url, label) {
  const here = inside(url);
  if (here) return h("a", { href: here }, label);
  const fine = /^(https?:|mailto:)/.test(url);
  return fine ? h("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, label) : h("span", {}, label);
}

function date(target, fallback) {
  const [, stamp, format, url] = target.split("^");
  const seconds = Number(stamp);
  const text = Number.isFinite(seconds) && seconds > 0 ? formatDate(seconds, format) : fallback;
  const element = h("time", { datetime: Number.isFinite(seconds) ? new Date(seconds * 1000).toISOString() : null, title: fallback }, text);
  return url ? h("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, element) : element;
}

// plain_text: emoji and line breaks, nothing else.
export function plain(text) {
  return text.split("\n").flatMap((line, n) => [
    ...(n ? [h("br")] : []),
    ...line.split(/(:[a-z0-9_+'-]+:)/).flatMap((part) => (/^:.*:$/.test(part) && emoji(part.slice(1, -1))) || pictured(part)),
  ]);
}
