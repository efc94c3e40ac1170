/* A message as it is shown, in the conversation and in the panel. */

import { part } from "/web/parts.js";
import { moment } from "/web/times.js";

const NAMES = { system: "System", note: "Note by staff" };

/* Fill in who said what, and when; return the element. A customer's message has their name. */
export function say(element, { role, text, at, customer }) {
  const asks = role === "human" || role === "user";
  part(element, "who").textContent = asks ? customer : (NAMES[role] ?? "Assistant");
  part(element, "text").textContent = text;
  if (at) Object.assign(element.querySelector("time"), { dateTime: at, textContent: moment(at) });
  element.hidden = false;
  return element;
}
