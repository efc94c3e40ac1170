/* The panel that shows what the model was given for a turn. */

import { say } from "/web/message.js";
import { byId, part, stamp } from "/web/parts.js";
import { layOut } from "/web/service.js";

export const NOTHING = "No article says anything about this";

let selected = null; // the turn whose prompt is shown

/* Show a turn's prompt; for a turn of an earlier visit, as it would be laid out now. */
export async function look(turn, open = false) {
  const about = byId("given-about");
  selected?.look.setAttribute("aria-pressed", "false");
  selected = turn;
  turn?.look.setAttribute("aria-pressed", "true");
  byId("given-parts").hidden = true;
  about.textContent = turn ? "" : "What the next answer is made from will be shown here.";
  if (open && getComputedStyle(byId("given")).display === "none") byId("given").showPopover();
  if (turn?.template) return showFilled(turn);
  const given = turn && (turn.given ?? (await layOut(turn).catch((error) => error)));
  if (!given || selected !== turn) return;
  if (given instanceof Error) about.textContent = `${given.message} ${given.detail}`;
  else show(given, turn);
}

/* A template's answer was made from facts, if from any; they are not kept for a later visit. */
function showFilled({ basis, given, customer }) {
  const facts = given?.recalled ?? [];
  byId("given-about").textContent = `Nothing. ${basis}${facts.length ? ", from these facts:" : "."}`;
  fill("recalled", facts.map((record) => card({ ...record, customer })));
  byId("given-parts").dataset.asked = "false";
  byId("given-parts").hidden = facts.length === 0;
}

function show({ messages, recalled, knowledge, evidence, summary, tokens, usage }, turn) {
  const frame = messages.filter((one, at) => one.role === "system" || at === messages.length - 1);
  const recent = messages.filter((one) => !frame.includes(one));
  const { customer } = turn;
  const laidOut = ({ role, content }) => card({ role, text: content, customer });
  const when = turn.given ? "As it was sent" : "As it would be sent now";
  byId("given-about").textContent = `${when}: ${usage?.input_tokens ?? tokens} tokens.`;
  byId("summary").textContent = summary;
  fill("recalled", recalled.map((record) => card({ ...record, customer })));
  fill("knowledge", knowledge.map(passage));
  byId("knowledge-none").textContent = evidence === "none" ? `${NOTHING}.` : "None was given.";
  fill("window", recent.map(laidOut));
  fill("frame", frame.map(laidOut));
  byId("given-parts").dataset.asked = "true";
  byId("given-parts").hidden = false;
}

function fill(name, cards) {
  byId(name).replaceChildren(...cards);
  byId(`${name}-count`).textContent = cards.length;
}

function card(said) {
  const item = say(stamp("card-template"), said);
  const { score, why = "" } = said;
  part(item, "score").textContent = score === undefined ? "" : `score ${score.toPrecision(3)}`;
  part(item, "why").textContent = why;
  return item;
}

/* A passage of an article, by the number that the answer cites it by. */
function passage(found) {
  const item = card(found);
  part(item, "who").textContent = `[${found.number}] ${found.title || found.source}`;
  return item;
}
