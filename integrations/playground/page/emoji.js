// The shortcodes that people and Waggle use; an unknown one is shown as it was written.

import { h } from "./dom.js";
import { icon } from "./icons.js";

const EMOJI = {
  "+1": "👍", thumbsup: "👍", "-1": "👎", thumbsdown: "👎", eyes: "👀", white_check_mark: "✅", heavy_check_mark: "✔️",
  x: "❌", warning: "⚠️", bee: "🐝", honeybee: "🐝", honey_pot: "🍯", tada: "🎉", rocket: "🚀", hourglass: "⌛",
  hourglass_flowing_sand: "⏳", inbox_tray: "📥", outbox_tray: "📤", memo: "📝", spiral_note_pad: "🗒️", pushpin: "📌",
  repeat: "🔁", octagonal_sign: "🛑", no_entry: "⛔", raised_hand: "✋", hand: "✋", wave: "👋", question: "❓", exclamation: "❗",
  bulb: "💡", bug: "🐛", wrench: "🔧", hammer_and_wrench: "🛠️", mag: "🔍", lock: "🔒", key: "🔑", link: "🔗",
  heart: "❤️", smile: "😄", slightly_smiling_face: "🙂", joy: "😂", thinking_face: "🤔", pray: "🙏", clap: "👏", fire: "🔥",
  sparkles: "✨", star: "⭐", zap: "⚡", robot_face: "🤖", speech_balloon: "💬", double_vertical_bar: "⏸️", arrow_forward: "▶️",
  large_green_circle: "🟢", large_yellow_circle: "🟡", red_circle: "🔴", white_circle: "⚪", large_blue_circle: "🔵",
  moneybag: "💰", chart_with_upwards_trend: "📈", package: "📦", checkered_flag: "🏁", merge: "🔀", twisted_rightwards_arrows: "🔀",
  page_facing_up: "📄", paperclip: "📎", alarm_clock: "⏰", stopwatch: "⏱️", construction: "🚧", broom: "🧹", seedling: "🌱",
};

export const REACTIONS = ["+1", "-1", "white_check_mark", "eyes", "repeat", "octagonal_sign", "pushpin", "bee", "heart"];

// The ones that Waggle and its card use are drawn or are plain characters, so that they look the same everywhere.
const PLAIN = {
  white_check_mark: ["✔", "good"], heavy_check_mark: ["✔", "good"], x: ["✘", "bad"], warning: ["⚠", "wait"], repeat: ["↻", "wait"],
  octagonal_sign: ["■", "bad"], no_entry: ["⊘", "bad"], heart: ["♥", "bad"], white_circle: ["○", "faint"], question: ["?", "wait"],
  exclamation: ["!", "bad"], star: ["★", "wait"], pushpin: ["⚑", "bad"], large_green_circle: ["●", "good"],
  heavy_minus_sign: ["–", "faint"], memo: ["✎", "faint"], gear: ["⚙", "faint"],
  large_yellow_circle: ["●", "wait"], red_circle: ["●", "bad"], arrow_forward: ["▶", "good"], double_vertical_bar: ["‖", "wait"],
};
const DRAWN = { eyes: "eyes", "+1": "+1", thumbsup: "+1", "-1": "-1", thumbsdown: "-1", bee: "bee", honeybee: "bee", hourglass: "hourglass", hourglass_flowing_sand: "hourglass",
  test_tube: "flask", mag: "search", mag_right: "search", bust_in_silhouette: "person", adult: "person", computer: "laptop", moneybag: "coin",
  rocket: "rocket", bulb: "bulb", hand: "hand", raised_hand: "hand", wave: "hand", tada: "party", inbox_tray: "inbox", stethoscope: "pulse", wastebasket: "remove",
};

// The same pictures for what is written as a character and not as a shortcode.
const CHARACTERS = {
  "✅": "white_check_mark", "❌": "x", "⚠": "warning", "🔁": "repeat", "🛑": "octagonal_sign", "❓": "question", "❗": "exclamation",
  "⏸": "double_vertical_bar", "➖": "heavy_minus_sign", "📝": "memo", "⚙": "gear", "📌": "pushpin", "👀": "eyes", "👍": "+1", "👎": "-1",
  "🐝": "bee", "⌛": "hourglass", "⏳": "hourglass_flowing_sand", "🧪": "test_tube", "🔍": "mag", "🔎": "mag_right", "👤": "bust_in_silhouette",
  "🧑": "adult", "💻": "computer", "💰": "moneybag", "🚀": "rocket", "💡": "bulb", "✋": "hand", "👋": "wave", "🎉": "tada", "📥": "inbox_tray",
  "🩺": "stethoscope", "🗑": "wastebasket",
};
const DRAWABLE = new RegExp(`(${Object.keys(CHARACTERS).join("|")})\\uFE0F?`, "u");

// Text with pictures in the place of such characters.
export function pictured(text) {
  const made = [];
  for (let rest = text; rest; ) {
    const found = DRAWABLE.exec(rest);
    if (!found) return [...made, rest];
    if (found.index) made.push(rest.slice(0, found.index));
    made.push(emoji(CHARACTERS[found[1]]));
    rest = rest.slice(found.index + found[0].length);
  }
  return made;
}

// A picture for a shortcode, or null when it is unknown.
export function emoji(shortcode) {
  const name = shortcode.replace(/::skin-tone-\d$/, "");
  const common = { role: "img", "aria-label": name.replaceAll("_", " ") };
  if (name in DRAWN) return h("span", { class: "emoji", ...common }, icon(DRAWN[name]));
  if (name in PLAIN) return h("span", { class: `emoji ${PLAIN[name][1]}`, ...common }, PLAIN[name][0]);
  return name in EMOJI ? h("span", { class: "emoji", ...common }, EMOJI[name]) : null;
}
