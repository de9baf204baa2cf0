// Times as people read them.

const DAY = 86_400_000;

export const date = (ts) => new Date(Number(ts) * 1000);

const midnight = (day) => new Date(day.getFullYear(), day.getMonth(), day.getDate()).getTime();

export const clock = (day) => day.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

function relative(day) {
  const days = Math.round((midnight(new Date()) - midnight(day)) / DAY);
  return { 0: "Today", 1: "Yesterday", "-1": "Tomorrow" }[days] || null;
}

const long = (day) => day.toLocaleDateString("en", { weekday: "long", month: "long", day: "numeric" });

export const dayName = (day) => relative(day) || long(day);

export const sameDay = (one, other) => midnight(one) === midnight(other);

function ago(day) {
  const minutes = Math.round((Date.now() - day.getTime()) / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  if (minutes < 48 * 60) return `${Math.round(minutes / 60)} h ago`;
  return `${Math.round(minutes / 60 / 24)} days ago`;
}

// The format of <!date^…>: docs.slack.dev/messaging/formatting-message-text#date-formatting
export function formatDate(seconds, format) {
  const day = new Date(seconds * 1000);
  const options = (parts) => day.toLocaleDateString("en", parts);
  const full = { year: "numeric", month: "long", day: "numeric" };
  const short = { year: "numeric", month: "short", day: "numeric" };
  const word = relative(day)?.toLowerCase();
  const made = {
    date_num: () => `${day.getFullYear()}-${String(day.getMonth() + 1).padStart(2, "0")}-${String(day.getDate()).padStart(2, "0")}`,
    date_slash: () => options({ year: "numeric", month: "2-digit", day: "2-digit" }),
    date: () => options(full),
    date_short: () => options(short),
    date_long: () => options({ weekday: "long", ...full }),
    date_pretty: () => word || options(full),
    date_short_pretty: () => word || options(short),
    date_long_pretty: () => word || options({ weekday: "long", ...full }),
    time: () => clock(day),
    time_secs: () => day.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" }),
    ago: () => ago(day),
  };
  const text = format.replace(/\{(\w+)\}/g, (whole, name) => made[name]?.() ?? whole);
  return text && text[0].toUpperCase() + text.slice(1);
}
