// Building elements. Texts become text nodes, never markup: nothing that anybody wrote can act as HTML here.

export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "dataset") Object.assign(element.dataset, value);
    else if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const $ = (id) => document.getElementById(id);

// Replace an element's children by keyed ones, and keep those that did not change: their focus, their selection
// and their open menus stay as they are. A changed one that holds the focus gives it to its successor.
export function reconcile(container, items) {
  const known = new Map([...container.children].map((child) => [child.dataset.key, child]));
  const wanted = new Set(items.map((item) => item.key));
  let at = container.firstElementChild;
  for (const { key, sign, make } of items) {
    let element = known.get(key);
    if (element && element.dataset.sign !== sign) {
      const fresh = mark(make(), key, sign);
      const restore = focusWithin(element);
      if (at === element) at = element.nextElementSibling;
      element.replaceWith(fresh);
      if (fresh.nextElementSibling !== at) container.insertBefore(fresh, at);
      restore(fresh);
      continue;
    }
    if (!element) element = mark(make(), key, sign);
    if (element === at) at = at.nextElementSibling;
    else container.insertBefore(element, at);
  }
  for (const [key, child] of known) if (!wanted.has(key)) child.remove();
}

function mark(element, key, sign) {
  element.dataset.key = key;
  element.dataset.sign = sign;
  return element;
}

function focusWithin(element) {
  const active = document.activeElement;
  if (!element.contains(active)) return () => {};
  const name = active.dataset.focus;
  return (fresh) => {
    const successor = name && fresh.querySelector(`[data-focus="${CSS.escape(name)}"]`);
    if (!successor) fresh.tabIndex = -1;
    (successor || fresh).focus({ preventScroll: true });
  };
}
