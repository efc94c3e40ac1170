/* A question and its answer. */

import { look } from "/web/given.js";
import { say } from "/web/message.js";
import { explain, part, stamp } from "/web/parts.js";
import { problem } from "/web/service.js";

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

  settle(status, reply = this.reply) {
    if (reply !== this.reply) part(this.answer, "text").textContent = reply;
    this.element.dataset.status = part(this.answer, "mark").textContent = status;
    const found = this.given ? `${this.given.recalled.length} recalled` : "Memory";
    part(this.look, "look").textContent = found;
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
    turn.settle(status ?? "complete");
    if (asks && ["failed", "stopped"].includes(status)) turn.fail(problem("Not answered."));
  }
  return turns;
}
