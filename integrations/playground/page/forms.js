// The forms that Waggle opens.

import { act } from "./api.js";
import { blocks, initial, optionsOf } from "./blocks.js";
import { $, h } from "./dom.js";
import { plain } from "./mrkdwn.js";

const words = (object, otherwise) => object?.text || otherwise;

let shown = "";

// Show the topmost form of a person, or none.
export function showForm(view, user, failed) {
  const dialog = $("form");
  if (!view) {
    shown = "";
    if (dialog.open) dialog.close();
    return;
  }
  if (shown === `${view.id} ${view.hash}` && dialog.open) return;
  shown = `${view.id} ${view.hash}`;
  const kept = readFields(dialog);
  const close = () => act("close", { view_id: view.id, user }).catch(failed);
  const send = async (event) => {
    event.preventDefault();
    const submit = dialog.querySelector("[type=submit]");
    submit.disabled = true;
    try {
      const answer = await act("submit", { view_id: view.id, user, values: readFields(dialog) });
      showErrors(dialog, answer.errors);
    } catch (error) {
      failed(error);
    } finally {
      submit.disabled = false;
    }
  };
  const press = (action_id, block_id, choice) =>
    act("press", { view_id: view.id, user, action_id, choice, values: readFields(dialog) }).catch(failed);
  dialog.replaceChildren(h("form", { onsubmit: send },
    h("h2", { id: "form-title" }, view.title.text),
    view.blocks.map((block) => (block.type === "input" ? field(block, kept[block.block_id]) : blocks([block], press))),
    h("div", { class: "dialog-actions" },
      h("button", { type: "button", class: "button", onclick: close }, words(view.close, "Cancel")),
      view.submit && h("button", { type: "submit", class: "button primary" }, view.submit.text))));
  dialog.oncancel = (event) => {
    event.preventDefault();
    close();
  };
  if (!dialog.open) dialog.showModal();
  (dialog.querySelector("textarea, input, select") || dialog).focus();
}

function field(block, kept) {
  const id = `field-${block.block_id}`;
  const described = { "aria-describedby": `${id}-note` };
  const control = CONTROLS[block.element.type](block, { id, name: block.block_id, required: false, ...described }, kept);
  const grouped = ["radio_buttons", "checkboxes"].includes(block.element.type);
  const name = [plain(block.label.text), block.optional && h("span", { class: "optional" }, " (optional)")];
  return h(grouped ? "fieldset" : "div", { class: "field", dataset: { block: block.block_id, kind: block.element.type } },
    grouped ? h("legend", {}, name) : h("label", { for: id }, name),
    control,
    h("p", { class: "note", id: `${id}-note` }, block.hint ? plain(block.hint.text) : ""));
}

const CONTROLS = {
  plain_text_input: (block, common, kept) => {
    const { element } = block;
    const text = kept ?? element.initial_value ?? "";
    const limits = { placeholder: element.placeholder?.text, maxLength: element.max_length || 3000 };
    if (element.multiline) return h("textarea", { ...common, ...limits, rows: "5" }, text);
    return h("input", { ...common, ...limits, type: "text", value: text });
  },
  number_input: (block, common, kept) =>
    h("input", { ...common, type: "number", value: kept ?? block.element.initial_value ?? "", step: block.element.is_decimal_allowed ? "any" : "1" }),
  datepicker: (block, common, kept) => h("input", { ...common, type: "date", value: kept ?? block.element.initial_date ?? "" }),
  radio_buttons: (block, common, kept) => boxes(block, "radio", [kept ?? initial(block.element)]),
  checkboxes: (block, common, kept) =>
    boxes(block, "checkbox", kept ?? (block.element.initial_options || []).map((option) => option.value)),
};
for (const kind of ["static_select", "users_select", "channels_select", "conversations_select"]) {
  CONTROLS[kind] = (block, common, kept) => {
    const chosen = kept ?? initial(block.element);
    return h("select", common, h("option", { value: "" }, block.element.placeholder?.text || "Choose"),
      optionsOf(block.element).map((option) => h("option", { value: option.value, selected: option.value === chosen }, option.name)));
  };
}

const boxes = (block, type, chosen) =>
  block.element.options.map((option) => h("label", { class: "choice" },
    h("input", { type, name: block.block_id, value: option.value, checked: chosen.includes(option.value) }),
    h("span", {}, plain(option.text.text), option.description && h("small", {}, plain(option.description.text)))));

function readFields(dialog) {
  const values = {};
  for (const one of dialog.querySelectorAll(".field")) {
    const { block, kind } = one.dataset;
    const checked = [...one.querySelectorAll("input:checked")].map((input) => input.value);
    if (kind === "checkboxes") values[block] = checked;
    else if (kind === "radio_buttons") values[block] = checked[0] || "";
    else values[block] = one.querySelector("input, textarea, select").value;
  }
  return values;
}

function showErrors(dialog, errors) {
  let first = null;
  for (const one of dialog.querySelectorAll(".field")) {
    const error = errors[one.dataset.block];
    one.classList.toggle("wrong", Boolean(error));
    const control = one.querySelector("input, textarea, select");
    control.setAttribute("aria-invalid", Boolean(error));
    if (error) one.querySelector(".note").textContent = error;
    if (error && !first) first = control;
  }
  first?.focus();
}
