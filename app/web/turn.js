/* A question and its answer. */

import { look } from "/web/given.js";
import { ownCustomer } from "/web/key.js";
import { formatted } from "/web/markdown.js";
import { asks, say } from "/web/message.js";
import { explain, part, stamp } from "/web/parts.js";
import { customerPath } from "/web/place.js";
import { call, problem } from "/web/service.js";
import { known, t } from "/web/texts.js";
import { showLabels, spoken } from "/web/understanding.js";

const turns = new WeakMap(); // by their elements

const UNENDED = ["running", "waiting", "calling"]; // what is answered later, by somebody

const statusOf = (status) => known(`status${status[0].toUpperCase()}${status.slice(1)}`, status);

/* A turn of a customer's session, as a list item of the conversation; its status is styled.
 *
 * told(text) is how it says what came of a rating.
 */
export class Turn {
  constructor(values) {
    Object.assign(this, { reply: "", given: null, rating: null, person: false, stored: false }, values);
    this.element = stamp("turn-template");
    turns.set(this.element, this);
    for (const name of ["question", "answer", "problem"]) this[name] = part(this.element, name);
    this.look = this.element.querySelector(".look");
    this.look.onclick = () => look(this, true);
    this.rates = [...this.element.querySelectorAll(".rate")];
    for (const button of this.rates) button.onclick = () => this.rate(button.value);
  }

  static of(element) {
    return turns.get(element);
  }

  get status() {
    return this.element.dataset.status;
  }

  /* The ids of its stored messages, as far as they are known. */
  get holds() {
    return [this.question, this.answer].map((one) => one.dataset.id).filter(Boolean);
  }

  /* Show a text as its answer. */
  answers(reply) {
    this.reply = reply;
    part(this.answer, "text").replaceChildren(...formatted(reply));
  }

  begin() {
    const at = new Date().toISOString();
    say(this.question, { role: "human", text: this.text, at, customer: this.customer });
    say(this.answer, { role: "ai", text: "", at });
    this.answers("");
    this.settle("answering");
  }

  /* Show what was said so far of its answer, which is not asked for here. */
  hear(text) {
    say(this.answer, { role: "ai", text, at: new Date().toISOString() });
    this.answers(text);
  }

  /* What an answer rests on that does not rest on the model and what it was given. */
  get basis() {
    if (ownCustomer() !== null) return "";
    if (this.template === "unknown") return t("notAsked", { why: t("noArticle") });
    if (this.template === "quoted") return t("byQuote");
    if (this.template === "offered") return t("byCatalogue");
    if (this.template === "passed_on") return t("passedOn");
    if (this.template === "noted") return t("byNobody");
    if (this.template) return t("byTemplate", { name: spoken(this.template) });
    return this.evidence === "none" ? t("noArticle") : "";
  }

  /* How much the model was given; of an earlier visit's turn only that is told. */
  get counts() {
    const { recalled = [], knowledge = [] } = this.given ?? {};
    const now = { recalled: recalled.length, knowledge: knowledge.length };
    const told = this.given ? now : this.count;
    if (!told) return t("memory");
    const counts = [t("recalledCount", { n: told.recalled })];
    if (told.knowledge) counts.push(t("passageCount", { n: told.knowledge }));
    return counts.join(" · ");
  }

  /* Take up what the service says of the turn; it says it in pieces. */
  know({ understanding, template, evidence, given, rating, by_person: person }) {
    this.count = given ?? this.count;
    if (understanding) showLabels(part(this.question, "labels"), understanding);
    this.template = template ?? this.template;
    this.evidence = evidence ?? this.evidence;
    this.rating = rating ?? this.rating;
    this.person ||= person;
  }

  /* Take over what is stored of one of its messages. */
  take(message) {
    (asks(message.role) ? this.question : this.answer).dataset.id = message.id;
    this.know(message);
    this.showRating();
  }

  /* It is no longer what is stored, but said again. */
  leave() {
    this.id = undefined;
    for (const one of [this.question, this.answer]) delete one.dataset.id;
  }

  settle(status, reply = this.reply) {
    if (reply !== this.reply) this.answers(reply);
    this.element.dataset.status = status;
    part(this.answer, "mark").textContent = statusOf(status);
    part(this.question, "waits").textContent = UNENDED.includes(status) ? statusOf(status) : "";
    part(this.look, "look").textContent = this.counts;
    this.look.hidden = this.person;
    part(this.answer, "basis").textContent = this.basis;
    this.problem.hidden = true;
    this.showRating();
  }

  showRating() {
    const staff = ownCustomer() === null;
    part(this.answer, "rating").hidden = !(staff && this.id && this.text && this.reply && !this.person);
    for (const button of this.rates) button.setAttribute("aria-pressed", button.value === this.rating);
  }

  /* Say how good the answer was; said again it is taken back. */
  async rate(value) {
    const rating = value === this.rating ? null : value;
    try {
      await call("PUT", `${customerPath()}/turns/${encodeURIComponent(this.id)}/rating`, { rating });
    } catch (error) {
      if (error.status !== 401) explain(this.problem, error);
      return;
    }
    this.rating = rating;
    this.showRating();
    this.told(t(rating ? { good: "ratedGood", bad: "ratedBad" }[rating] : "ratedNot"));
  }

  fail(error, again) {
    this.settle("failed");
    const broken = problem(t("brokeOff"), t("messageKept"));
    const detail = this.stored && !error.status ? t("messageKept") : error.detail; // not reached
    explain(this.problem, error.detail === undefined ? broken : problem(error.message, detail), again);
  }
}

/* The turns of a place's stored messages; an answer whose question is on another page stands
 * alone.
 */
export function turnsOf(messages, values) {
  const turns = [];
  for (const message of messages) {
    const { role, text, turn: id, status } = message;
    const asked = asks(role);
    const alone = turns.at(-1)?.reply ?? true;
    if (asked || alone) turns.push(new Turn({ ...values, id, text: asked && text }));
    const turn = turns.at(-1);
    const shown = say(asked ? turn.question : turn.answer, { ...message, customer: turn.customer });
    if (!asked) turn.answers(text);
    shown.dataset.id = message.id;
    turn.know(message);
    turn.settle(status ?? "complete");
    if (asked && ["failed", "stopped"].includes(status)) turn.fail(problem(t("notAnswered")));
  }
  return turns;
}
