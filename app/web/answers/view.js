/* Answers: a question over a customer's memory and the articles, with what its answer rests on. */

import { offerCustomers } from "/web/customers.js";
import { faultInWords } from "/web/faults.js";
import { whoSays } from "/web/message.js";
import { byId, explain, on, part, stamp } from "/web/parts.js";
import { nameOf, place } from "/web/place.js";
import { formatted } from "/web/markdown.js";
import { pointAt } from "/web/scrolling.js";
import { call } from "/web/service.js";
import { addTexts, number, onSpeak, t } from "/web/texts.js";
import { write } from "/web/times.js";
import { inWords } from "/web/why.js";

import en from "/web/answers/en.js";
import zh from "/web/answers/zh.js";

const CITED = /\[(\d+)\]/; // as the service writes it

addTexts({ en, zh });

/* Wire the view up; open({ customer, session, message }) shows a message. */
export function wire({ section, open }) {
  const field = byId("answers-customer");
  let stopped = new AbortController(); // of what is being asked
  let made = null; // what was asked, and its answer
  let begun = false; // whether the customer's field was filled in

  async function ask() {
    const question = byId("answers-question").value.trim();
    if (!question) return;
    const how = section.querySelector("[name=answers-how]:checked").value;
    const body = { question, customer: field.value.trim() || null, how };
    stopped.abort();
    const { signal } = (stopped = new AbortController());
    byId("answers-trouble").hidden = true;
    byId("answers-made").hidden = true;
    byId("answers-about").textContent = t("looking");
    try {
      const response = await call("POST", "/v1/answers", body, signal);
      made = { ...body, ...(await response.json()) };
      if (signal.aborted) return;
      show();
      byId("answers-status").textContent = `${byId("answers-answer").textContent} ${byId("answers-basis").textContent}`;
      byId("answers-answer-title").scrollIntoView({ block: "nearest" });
    } catch (error) {
      if (!signal.aborted && error.status !== 401) explain(byId("answers-trouble"), error, ask);
    } finally {
      if (!signal.aborted) byId("answers-about").textContent = "";
    }
  }

  function show() {
    const { question, answer, known, confidence, by, fault, evidence } = made;
    byId("answers-asked").textContent = question;
    byId("answers-answer").replaceChildren(...(known ? cited(answer) : [t("answersUnknown")]));
    byId("answers-answer").dataset.known = known;
    const basis = fault ? t("answersFault", { fault: faultInWords(fault) })
      : known ? t(by === "model" ? "answersByModel" : "answersBySentence") : "";
    const sure = t(known ? "answersSure" : "answersUnsure", { n: Math.round(100 * confidence) });
    byId("answers-basis").textContent = `${basis} ${confidence > 0 ? sure : ""}`.trim();
    byId("answers-basis").hidden = !byId("answers-basis").textContent;
    byId("answers-rests").hidden = evidence.length === 0;
    byId("answers-found").textContent = number(evidence.length);
    byId("answers-evidence").replaceChildren(...evidence.map(found));
    byId("answers-made").hidden = false;
  }

  /* The answer, in which each citation leads to what it cites. */
  const cited = (answer) => answer.split(CITED).flatMap((text, at) => {
    const place = Number(text) - 1;
    if (at % 2 === 0) return formatted(text);
    if (!made.evidence[place]) return `[${text}]`;
    const button = stamp("answers-cite-template");
    button.textContent = text;
    button.setAttribute("aria-label", t("answersSource", { n: place + 1 }));
    button.onclick = () => {
      const cited = byId("answers-evidence").children[place];
      cited.scrollIntoView({ block: "center" });
      pointAt(cited);
    };
    return button;
  });

  function found(one) {
    const item = stamp("answers-evidence-template");
    const { customer } = made;
    const memory = one.kind === "memory";
    const [message] = one.messages;
    part(item, "number").textContent = `[${one.number}]`;
    part(item, "who").textContent = memory ? whoSays({ ...one, customer }) : one.title || one.source;
    part(item, "text").replaceChildren(...(memory ? [one.text] : formatted(one.text)));
    part(item, "score").textContent = t("score", { n: one.score.toPrecision(3) });
    Object.assign(part(item, "why"), { textContent: inWords(one.why, one.text), title: one.why });
    if (one.at) write(item.querySelector("time"), one.at);
    const source = part(item, "source");
    source.parentElement.hidden = !(one.session && message);
    source.setAttribute("aria-label", t("ofMemory", { action: source.textContent, what: one.text }));
    if (one.session) source.title = t("fromSession", { session: nameOf(one.session) });
    source.onclick = () => open({ customer, session: one.session, message });
    return item;
  }

  offerCustomers(field, byId("answers-customers"));
  on("answers-form", "submit", ask);
  byId("answers-question").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    ask();
  });
  onSpeak(() => byId("answers-made").hidden || show());
  return {
    shown() {
      if (!begun) field.value = place.customer ?? "";
      begun = true;
    },
    clear() {
      stopped.abort();
      [made, begun] = [null, false];
      byId("answers-form").reset();
      byId("answers-made").hidden = true;
    },
  };
}
