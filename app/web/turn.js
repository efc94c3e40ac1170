/* A question and its answer. */

import { NOTHING, look } from "/web/given.js";
import { say } from "/web/message.js";
import { explain, part, stamp } from "/web/parts.js";
import { problem } from "/web/service.js";
import { showLabels, spoken } from "/web/understanding.js";

/* A turn of a customer's session, as a list item of the conversation; its status is styled. */
export class Turn {
  constructor(values) {
    Object.assign(this, { given: null }, values);
    this.element = stamp("turn-template");
    for (const name of ["question", "answer", "problem"]) this[name] = part(this.element, name);
    this.look = this.element.querySelector(".look");
    this.look.onclick = () => look(this, true);
  }

  get reply() {
    return part(this.answer, "text").textContent;
  }

  begin() {
    const at = new Date().toISOString();
    say(this.question, { role: "human", text: this.text, at, customer: this.customer });
    say(this.answer, { role: "ai", text: "", at });
    this.settle("answering");
  }

  /* What an answer rests on that does not rest on the model and what it was given. */
  get basis() {
    if (this.template === "unknown") return `${NOTHING}; the model was not asked`;
    if (this.template) return `Answered by the template ${spoken(this.template)}, without the model`;
    return this.evidence === "none" ? NOTHING : "";
  }

  /* How much the model was given; of an earlier visit's turn only that is told. */
  get counts() {
    const { recalled = [], knowledge = [] } = this.given ?? {};
    const now = { recalled: recalled.length, knowledge: knowledge.length };
    const told = this.given ? now : this.count;
    if (!told) return "Memory";
    const counts = [`${told.recalled} recalled`];
    if (told.knowledge === 1) counts.push("1 passage");
    if (told.knowledge > 1) counts.push(`${told.knowledge} passages`);
    return counts.join(" · ");
  }

  /* Take up what the service says of the turn; it says it in pieces. */
  know({ understanding, template, evidence, given }) {
    this.count = given ?? this.count;
    if (understanding) showLabels(part(this.question, "labels"), understanding);
    this.template = template ?? this.template;
    this.evidence = evidence ?? this.evidence;
  }

  settle(status, reply = this.reply) {
    if (reply !== this.reply) part(this.answer, "text").textContent = reply;
    this.element.dataset.status = part(this.answer, "mark").textContent = status;
    part(this.look, "look").textContent = this.counts;
    part(this.answer, "basis").textContent = this.basis;
    this.problem.hidden = true;
  }

  fail(error, again) {
    this.settle("failed");
    const broken = problem("The answer broke off.", "Your message is kept.");
    explain(this.problem, error.detail === undefined ? broken : error, again);
  }
}

/* The turns of a place's stored messages; an answer whose question is on another page stands
 * alone.
 */
export function turnsOf(messages, place) {
  const turns = [];
  for (const message of messages) {
    const { role, text, turn: id, status } = message;
    const asks = role === "human";
    const alone = turns.at(-1)?.reply ?? true;
    if (asks || alone) turns.push(new Turn({ ...place, id, text: asks && text }));
    const turn = turns.at(-1);
    say(asks ? turn.question : turn.answer, { ...message, customer: turn.customer });
    turn.know(message);
    turn.settle(status ?? "complete");
    if (asks && ["failed", "stopped"].includes(status)) turn.fail(problem("Not answered."));
  }
  return turns;
}
