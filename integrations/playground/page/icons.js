// Pictures that do not depend on the fonts of the machine.

const PATHS = {
  attach: "M13.5 6.5l-6 6a2 2 0 0 0 3 3l7-7a4 4 0 0 0-5.7-5.7l-7 7a6 6 0 0 0 8.5 8.5l5.2-5.2",
  pull: "M6 3v12M6 3a2 2 0 1 0 .01 0M6 17a2 2 0 1 0 .01 0M16 17a2 2 0 1 0 .01 0M16 15V9a3 3 0 0 0-3-3H9.5M12 3.5 9.5 6 12 8.5",
  smile: "M10 2.5a7.5 7.5 0 1 0 .01 0M7 12q3 3 6 0M7.5 8v.5M12.5 8v.5",
  reply: "M3 4h14v10H9l-4 3.5V14H3z",
  edit: "M4 16l1-4 8.5-8.5 3 3L8 15z",
  remove: "M4 6h12M8 6V4h4v2M5.5 6l1 11h7l1-11M8.5 9v5M11.5 9v5",
  send: "M3 10 17 4l-4 13-3.5-5.5z",
  flask: "M8 2.500h4M9 2.500v5L4.500 16q-.5 1.500 1 1.500h9q1.500 0 1-1.500L11 7.500v-5M6.500 13h7",
  search: "M8.500 3a5.500 5.500 0 1 0 .01 0M12.500 12.500 17 17",
  person: "M10 3a3.500 3.500 0 1 0 .01 0M3.500 17.500q0-6.500 6.500-6.500t6.500 6.500",
  laptop: "M4 4h12v9H4zM2 16h16",
  coin: "M10 2.500a7.500 7.500 0 1 0 .01 0M12.500 7q-.5-1.500-2.500-1.500c-3 0-3 4 0 4.500s3 4.500 0 4.500q-2 0-2.500-1.500M10 4v12",
  rocket: "M10 2q5 4 4 10H6Q5 6 10 2M6 10l-2.500 4.500L6.500 14M14 10l2.500 4.500-3-.5M8.500 15v2.500M11.500 15v2.500M10 6.500a1 1 0 1 0 .01 0",
  bulb: "M7.500 14.500c0-2.500-2.500-3-2.500-6.500a5 5 0 0 1 10 0c0 3.500-2.500 4-2.500 6.500zM8 17.500h4",
  hand: "M6 11V5.500M8.500 10V3.500M11 10V3.500M13.500 10.500V5M6 11 4 9.500M6 11v3q1 3.500 4 3.500 3.500 0 3.500-4v-3",
  party: "M3 17 7 7l6 6zM11 4q2 1 1 3M15 9q2-1 3 0M14 3v1M17 5.500l-1 .5M16 13v1",
  inbox: "M10 2.500v8M7 8l3 3 3-3M3 12v5h14v-5",
  pulse: "M2 11h4l2-5 4 9 2-4h4",
  close: "M5 5l10 10M15 5 5 15",
  eyes: "M5.500 4.500a3.500 5.500 0 1 0 .01 0M14.500 4.500a3.500 5.500 0 1 0 .01 0M7 10v1.500M16 10v1.500",
  "+1": "M3 9h3v8H3zM6 9l4-6q2 0 1.5 2L11 8h5q1.500 0 1 1.500l-1.500 6q-.5 1.500-2 1.500H6",
  "-1": "M3 11h3V3H3zM6 11l4 6q2 0 1.500-2L11 12h5q1.500 0 1-1.500l-1.500-6Q15 3 13.500 3H6",
  bee: "M10 1.5 17.5 5.750v8.500L10 18.500 2.500 14.250v-8.500zM6.500 8q1.750 4.500 3.500 0q1.750 4.500 3.500 0",
  hourglass: "M5 2.500h10M5 17.500h10M6 2.500c0 4 3 5 4 7.500 1-2.500 4-3.500 4-7.500M6 17.500c0-4 3-5 4-7.500 1 2.500 4 3.500 4 7.500",
};

export function icon(name) {
  const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 20 20", class: `icon-${name.replace(/\W/g, "n")} drawn`, "aria-hidden": "true" })) {
    picture.setAttribute(key, value);
  }
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", PATHS[name]);
  picture.append(path);
  return picture;
}

export const isDrawn = (name) => name in PATHS;
