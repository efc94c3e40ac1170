/* The panel that shows what the model was given for a turn. */

import { tends } from "/web/key.js";
import { formatted } from "/web/markdown.js";
import { remembered, say, summarised } from "/web/message.js";
import { byId, explain, inFull, part, stamp } from "/web/parts.js";
import { memoryPath, nameOf } from "/web/place.js";
import { changes, correct, forgetNow } from "/web/remembered.js";
import { layOut, read } from "/web/service.js";
import { number, onSpeak, t } from "/web/texts.js";
import { inWords } from "/web/why.js";

const MOST = { fact: 1000, text: 32768 }; // letters of a memory

let selected = null; // the turn whose prompt is shown
let jump = () => {}; // shows a message in its session
let memories = null; // changes them

export const lookedAt = () => selected;

/* Show a turn's prompt; for a turn of an earlier visit, as it would be laid out now. */
export async function look(turn, open = false) {
  const about = byId("given-about");
  await forgetNow();
  selected?.look.setAttribute("aria-pressed", "false");
  selected = turn;
  turn?.look.setAttribute("aria-pressed", "true");
  byId("given-parts").hidden = true;
  byId("given-trouble").hidden = true;
  about.textContent = t(turn ? "looking" : "givenNone");
  if (open && getComputedStyle(byId("given")).display === "none") byId("given").showPopover();
  if (turn?.template) return showFilled(turn);
  const given = turn && (turn.given ?? (await layOut(turn).catch((error) => error)));
  if (!given || selected !== turn) return;
  if (given instanceof Error) about.textContent = inFull(given);
  else show(given, turn);
}

/* A template's answer was made from facts, if from any; they are not kept for a later visit. */
function showFilled({ basis, given, count, customer }) {
  const facts = given?.recalled ?? [];
  const lost = (!given && count?.recalled) || 0;
  const about = facts.length ? "fromFacts" : lost ? "fromLostFacts" : "nothingGiven";
  byId("given-about").textContent = t(about, { basis, n: lost });
  fill("recalled", facts.map((record) => recalledCard({ ...record, customer })));
  byId("given-parts").dataset.asked = "false";
  byId("given-parts").hidden = facts.length === 0;
}

function show({ messages, recalled, knowledge, evidence, summary, tokens, usage }, turn) {
  const frame = messages.filter((one, at) => one.role === "system" || at === messages.length - 1);
  const recent = messages.filter((one) => !frame.includes(one));
  const { customer } = turn;
  const laidOut = ({ role, content }) => card({ role, text: content, customer });
  const n = usage?.input_tokens ?? tokens;
  byId("given-about").textContent = t(turn.given && turn.stored ? "asSent" : "asWouldBeSent", { n });
  byId("summary").textContent = summarised(summary);
  fill("recalled", recalled.map((record) => recalledCard({ ...record, customer })));
  fill("knowledge", knowledge.map(passage));
  byId("knowledge-none").textContent = evidence === "none" ? `${t("noArticle")}.` : t("articlesNone");
  fill("window", recent.map(laidOut));
  const first = turn.element.matches(":first-child") && byId("earlier").hidden;
  byId("window-none").textContent = t(first ? "recentNone" : summary ? "recentSummary" : "recentNoRoom");
  fill("frame", frame.map(laidOut));
  byId("given-parts").dataset.asked = "true";
  byId("given-parts").hidden = false;
}

function fill(name, cards) {
  byId(name).replaceChildren(...cards);
  byId(`${name}-count`).textContent = number(cards.length);
}

function card(said) {
  const item = say(stamp("card-template"), said);
  const { score, why = "", text } = said;
  part(item, "score").textContent = score === undefined ? "" : t("score", { n: score.toPrecision(2) });
  Object.assign(part(item, "why"), { textContent: inWords(why, text), title: why });
  return item;
}

/* What was recalled, with where it was said, and with what a person can change of it. */
function recalledCard(record) {
  const item = card(record);
  part(item, "text").textContent = remembered(record);
  const { id, text, session, messages: [message] = [] } = record;
  item.dataset.id = id;
  part(item, "choices").hidden = false;
  const source = part(item, "source");
  source.hidden = !(session && message);
  if (!source.hidden) source.title = t("fromSession", { session: nameOf(session) });
  const act = (name, action) => {
    const button = part(item, name);
    button.setAttribute("aria-label", t("ofMemory", { action: button.textContent, what: text }));
    button.onclick = action;
  };
  for (const name of ["correct", "forget"]) part(item, name).hidden = !tends();
  act("source", () => jump({ session, message }));
  act("correct", () => amend(item, record));
  act("forget", () => memories.forget(item, { id, what: text }));
  return item;
}

/* Of a fact its value is corrected, of anything else the text. */
async function amend(item, { id, text }) {
  const memory = await read(memoryPath(id)).catch((error) => error);
  if (memory instanceof Error) return explain(byId("given-trouble"), memory);
  const isFact = memory.slot !== null && memory.value !== null;
  correct(item, {
    value: isFact ? memory.value : memory.text,
    what: text,
    most: isFact ? MOST.fact : MOST.text,
    async save(said) {
      if (await memories.change(id, isFact ? { value: said } : { text: said }, t("corrected"))) await again(true);
    },
  });
}

let again = async () => {};

/* A passage of an article, by the number that the answer cites it by. */
function passage(found) {
  const item = card(found);
  part(item, "who").textContent = `[${number(found.number)}] ${found.title || found.source}`;
  part(item, "text").replaceChildren(...formatted(found.text));
  return item;
}

/* Wire the panel up; jump({ session, message }) shows a message, and changed() the conversation
 * anew, from which something was taken.
 */
export function wireGiven({ jump: shown, changed }) {
  jump = shown;
  again = async (focused) => {
    await changed();
    if (focused) byId("given-title").focus();
  };
  memories = changes("given", again);
  onSpeak(() => look(selected));
}
