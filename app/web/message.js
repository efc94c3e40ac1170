/* A message as it is shown, in the conversation and in the panel. */

import { beneath } from "/web/beneath.js";
import { ownCustomer } from "/web/key.js";
import { part } from "/web/parts.js";
import { inAll, known, t } from "/web/texts.js";
import { write } from "/web/times.js";
import { tongue } from "/web/tongues.js";

export const asks = (role) => role === "human" || role === "user";

/* Who says a message: a customer by their name, to themselves as "you", else by what they are. */
export function whoSays({ role, customer, by_person: person }) {
  if (asks(role)) return ownCustomer() === null ? customer : t("you");
  if (role === "system" || role === "note") return t(role);
  return t(person ? "person" : "assistant");
}

/* The text of what is remembered: of a fact with its label in the reader's language. */
export function remembered({ slot, text }) {
  const [, label, value] = text.match(/^([^:]+): (.+)$/s) ?? [];
  return slot && value ? t("sheetFact", { label: known(slot, label), value }) : text;
}

/* A summary, which is in the conversation's language, with who speaks in it as the reader says. */
export const summarised = (summary) =>
  ["customer", "agent"].reduce((text, name) => {
    const speaker = new RegExp(`^(?:${inAll(name).join("|")})[:\uff1a] ?`, "gm");
    return text.replaceAll(speaker, () => t("sheetFact", { label: t(name), value: "" }));
  }, summary);

/* Fill in who said what, and when; return the element. */
export function say(element, said) {
  part(element, "who").textContent = whoSays(said);
  part(element, "text").textContent = said.text;
  if (said.at) write(element.querySelector("time"), said.at);
  if (said.by_person) element.dataset.by = "person";
  const { text, language } = said.original ?? {};
  beneath(element, "written", text, text && t("writtenIn", { language: tongue(language) }), language);
  element.hidden = false;
  return element;
}
