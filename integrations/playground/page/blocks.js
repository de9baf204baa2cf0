// Block Kit to elements. `press(action_id, block_id, choice)` is called when something is pressed or chosen.

import { ask } from "./confirm.js";
import { h } from "./dom.js";
import { emoji, pictured } from "./emoji.js";
import { channel, link, mention, mrkdwn, plain } from "./mrkdwn.js";
import { formatDate } from "./time.js";

export function blocks(list, press) {
  return list.map((block) => (BLOCKS[block.type] || unknown)(block, press));
}

const unknown = (block) => h("p", { class: "b-unknown" }, `(a ${block.type} that this page cannot show)`);

const text = (object) => (object.type === "mrkdwn" ? mrkdwn(object.text, object) : plain(object.text));

const BLOCKS = {
  header: (block) => h("h3", { class: "b-header" }, plain(block.text.text)),
  divider: () => h("hr"),
  section: (block, press) => {
    const body = h("div", { class: "b-body" },
      block.text && h("div", { class: "b-text" }, text(block.text)),
      block.fields && h("div", { class: "b-fields" }, block.fields.map((field) => h("div", { class: "b-text" }, text(field)))));
    if (!block.accessory) return h("div", { class: "b-section" }, body);
    return h("div", { class: "b-section with-accessory" }, body, h("div", { class: "b-accessory" }, element(block.accessory, block, press)));
  },
  context: (block) => h("div", { class: "b-context" }, block.elements.map((one) =>
    one.type === "image" ? image(one) : h("span", { class: "b-text" }, text(one)))),
  actions: (block, press) => h("div", { class: "b-actions" }, block.elements.map((one) => element(one, block, press))),
  image: (block) => h("figure", { class: "b-image" }, block.title && h("figcaption", {}, plain(block.title.text)), image(block)),
  rich_text: (block) => h("div", { class: "b-rich" }, block.elements.map(rich)),
  input: (block) => h("p", { class: "b-unknown" }, plain(block.label.text)),
};

function image(block) {
  const source = address(block);
  return source ? h("img", { src: source, alt: block.alt_text, loading: "lazy" }) : link(block.image_url || "", block.alt_text);
}

// Pictures come from the playground only; one from elsewhere is a link.
function address(block) {
  const url = block.slack_file?.url || block.image_url || "";
  if (block.slack_file?.id) return `/slack/files/${encodeURIComponent(block.slack_file.id)}/picture`;
  const parsed = URL.canParse(url) ? new URL(url) : null;
  return parsed?.host === location.host ? parsed.pathname : null;
}

function element(one, block, press) {
  const focus = `${block.block_id}/${one.action_id}`;
  const go = async (choice = "") => {
    if (!one.confirm || (await ask(one.confirm))) press(one.action_id, block.block_id, choice);
  };
  if (one.type === "image") return image(one);
  if (one.type === "button") return button(one, focus, go);
  if (one.type === "datepicker") {
    return h("input", { type: "date", value: one.initial_date || "", "aria-label": label(one), dataset: { focus }, onchange: (event) => go(event.target.value) });
  }
  return menu(one, focus, go);
}

function button(one, focus, go) {
  const name = { class: `button ${one.style || ""}`, dataset: { focus, action: one.action_id } };
  if (one.accessibility_label) name["aria-label"] = one.accessibility_label;
  if (one.url) {
    return h("a", { ...name, href: one.url, target: "_blank", rel: "noopener noreferrer", onclick: () => go() }, plain(one.text.text), !one.text.text.endsWith("↗") && h("span", { class: "leaves", "aria-hidden": "true" }, "↗"));
  }
  return h("button", { ...name, type: "button", onclick: () => go() }, plain(one.text.text));
}

const label = (one) => one.placeholder?.text || "Choose";

export const choices = { users: () => [], channels: () => [] };

export function optionsOf(one) {
  if (one.type === "users_select") return choices.users();
  if (one.type === "channels_select" || one.type === "conversations_select") return choices.channels();
  const groups = one.option_groups?.flatMap((group) => group.options) || [];
  return [...(one.options || []), ...groups].map((option) => ({ value: option.value, name: option.text.text }));
}

export const initial = (one) =>
  one.initial_option?.value || one.initial_user || one.initial_channel || one.initial_conversation || "";

function menu(one, focus, go) {
  const chosen = initial(one);
  return h("select", { "aria-label": label(one), dataset: { focus, action: one.action_id }, onchange: (event) => event.target.value && go(event.target.value) },
    h("option", { value: "" }, one.type === "overflow" ? "⋯ More" : label(one)),
    optionsOf(one).map((option) => h("option", { value: option.value, selected: option.value === chosen }, option.name)));
}

const RICH = {
  rich_text_section: (one) => h("p", {}, one.elements.map(piece)),
  rich_text_quote: (one) => h("blockquote", {}, one.elements.map(piece)),
  rich_text_preformatted: (one) => h("pre", {}, one.elements.map(piece)),
  rich_text_list: (one) =>
    h(one.style === "ordered" ? "ol" : "ul", { start: one.offset ? one.offset + 1 : null, class: `indent-${Math.min(one.indent || 0, 3)}` },
      one.elements.map((item) => h("li", {}, item.elements.map(piece)))),
};

const rich = (one) => (RICH[one.type] || unknown)(one);

function piece(one) {
  let made = {
    text: () => breaks(one.text),
    link: () => link(one.url, one.text || one.url),
    user: () => mention(one.user_id),
    channel: () => channel(one.channel_id),
    broadcast: () => h("span", { class: "mention" }, `@${one.range}`),
    emoji: () => emoji(one.name) || `:${one.name}:`,
    date: () => h("time", { title: one.fallback }, formatDate(one.timestamp, one.format)),
    usergroup: () => h("span", { class: "mention" }, `@${one.usergroup_id}`),
    color: () => h("code", {}, one.value),
  }[one.type]();
  const tags = { bold: "strong", italic: "em", strike: "s", underline: "u", code: "code" };
  for (const [style, tag] of Object.entries(tags)) if (one.style?.[style]) made = h(tag, {}, made);
  return made;
}

const breaks = (words) => words.split("\n").flatMap((line, n) => [...(n ? [h("br")] : []), ...pictured(line)]);
