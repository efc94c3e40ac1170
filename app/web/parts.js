/* The page's parts: found by their id, in an element by their name, or made from a template. */

import { sentence, t } from "/web/texts.js";

export const byId = (id) => document.getElementById(id);
export const part = (element, name) => element.querySelector(`[data-part="${name}"]`);
export const stamp = (id) => byId(id).content.firstElementChild.cloneNode(true);

export function on(id, type, action) {
  byId(id).addEventListener(type, (event) => {
    if (type === "submit" || type === "cancel") event.preventDefault();
    action(event);
  });
}

const SHOWN = 8_000; // milliseconds that what came of something is told

const timers = new WeakMap(); // by the line that is about to be emptied

/* Say in a status line what came of something: for a while, or until something else is said. */
export function tell(line, text, lasting = false) {
  clearTimeout(timers.get(line));
  line.textContent = text;
  if (text && !lasting) timers.set(line, setTimeout(() => (line.textContent = ""), SHOWN));
}

/* What went wrong, as what leads to its detail, and the detail. */
const wentWrong = ({ message, detail }) => {
  const whole = !detail || sentence(message) === message;
  return [whole ? message : t("head", { head: message }), sentence(detail)];
};

/* The same in one text. */
export const inFull = (error) => wentWrong(error).map((one) => one.trim()).join(" ").trim();

/* Say in a box what went wrong, with a button if it can be tried again. */
export function explain(box, error, again) {
  const [title, detail] = wentWrong(error);
  part(box, "title").textContent = title;
  part(box, "detail").textContent = detail;
  box.querySelector("button").hidden = !again;
  box.querySelector("button").onclick = again;
  box.hidden = false;
}
