// What is wrong with what is shown now: controls without a name, and text that is too faint. The ratios are those of
// WCAG 2.2, success criterion 1.4.3: 4.5, and 3 for large text (24 px, or 18.66 px in bold).
() => {
  const wrong = [];
  const shown = (one) => one.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const say = (one) => `<${one.tagName.toLowerCase()}${one.id ? "#" + one.id : ""} class="${one.className}"> ${one.textContent.trim().slice(0, 40)}`;

  const named = (one) => {
    const by = (one.getAttribute("aria-labelledby") || "").split(" ").map((id) => document.getElementById(id)?.textContent || "").join("");
    const labels = [...(one.labels || [])].map((label) => label.textContent).join("");
    const inside = one.matches("button, a, summary") ? one.textContent + [...one.querySelectorAll("img[alt], [aria-label]")].map((child) => child.alt || child.ariaLabel).join("") : "";
    return [one.getAttribute("aria-label"), by, labels, inside, one.title].some((name) => name && name.trim());
  };
  for (const one of document.querySelectorAll("button, a[href], input, select, textarea, summary, [role=log], dialog[open]")) {
    if (one.type !== "hidden" && (one.matches("input") || shown(one)) && one.closest("[hidden]") === null && !named(one)) wrong.push("no name: " + say(one));
  }
  for (const one of document.querySelectorAll("img, svg")) {
    const quiet = one.closest("[aria-hidden=true]") !== null || one.getAttribute("alt") === "";
    if (!quiet && !one.alt && !one.ariaLabel && one.closest("[role=img]") === null) wrong.push("no text for a picture: " + say(one));
  }
  if (!document.documentElement.lang) wrong.push("the page has no language");
  if (!document.querySelector("h1")) wrong.push("the page has no heading");
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) wrong.push("an id twice: " + id);

  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  canvas.canvas.width = canvas.canvas.height = 1;
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const ground = (one) => {
    const layers = [];
    for (let at = one; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.backgroundImage !== "none") return null; // a picture: not judged here
      const layer = rgba(style.backgroundColor);
      layers.push(layer);
      if (layer[3] === 1) break;
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), rgba("Canvas"));
  };
  const light = ([r, g, b]) => {
    const part = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const faint = new Set();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const one = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !shown(one) || one.closest("[aria-hidden=true], :disabled, script, style")) continue;
    const style = getComputedStyle(one);
    const below = ground(one);
    if (below === null) continue;
    let seen = 1;
    for (let at = one; at; at = at.parentElement) seen *= Number(getComputedStyle(at).opacity);
    const ink = rgba(style.color);
    ink[3] *= seen;
    const [a, b] = [light(over(ink, below)), light(below)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) faint.add(`contrast ${ratio.toFixed(2)}: ${say(one)}`);
  }
  return [...wrong, ...faint];
}
