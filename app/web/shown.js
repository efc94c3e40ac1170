/* What is shown of a conversation, beside what is stored of it by whoever writes in it elsewhere. */

import { asks } from "/web/message.js";
import { byId } from "/web/parts.js";
import { following } from "/web/scrolling.js";
import { Turn } from "/web/turn.js";

const UNDONE = ["failed", "stopped"];

const shownTurns = () => [...byId("turns").children].map((element) => Turn.of(element));

const says = (turn, { role, text, turn: id }) =>
  turn.id === (id ?? turn.id) && (asks(role) ? turn.text || "" : turn.reply) === text;

const stands = (turn, message) => says(turn, message) && turn.status === (message.status ?? "complete");

/* Whether a message is not shown yet. */
export const isNew = (message) => !shownTurns().some((turn) => says(turn, message));

/* Show what was said so far of an answer that was not asked for here. */
export function showSaying(saying) {
  const turn = shownTurns().find((one) => one.id === saying?.turn && one.status === "running");
  if (turn && saying.text && saying.text !== turn.reply) following(() => turn.hear(saying.text));
}

/* Whether stored messages are shown as they are; those that are take over their ids. */
export function asShown(messages) {
  const turns = shownTurns();
  const found = messages.map((message) => turns.findLast((turn) => stands(turn, message)));
  for (const [at, turn] of found.entries()) turn?.take(messages[at]);
  const stored = new Set(messages.map((one) => one.turn));
  const rest = turns.slice(turns.indexOf(found[0]));
  return found.every(Boolean) && rest.every((turn) => !turn.id || stored.has(turn.id));
}

/* The turn that is shown for a stored one, if it says the same, or can be asked again there. */
function before(turn, shown) {
  const same = (one) => (one.holds.length ? turn.holds.every((id) => one.holds.includes(id)) : false);
  const asked = (one) => one.key && one.text === turn.text && (one.id ?? turn.id) === turn.id;
  const found = shown.find(same) ?? shown.find(asked);
  if (!found || (turn.text && found.text !== turn.text)) return null;
  const [was, is] = [found.status, turn.status];
  const again = found.key && UNDONE.includes(was) && is !== "complete";
  return again || (was === is && found.reply === turn.reply) ? found : null;
}

/* Put turns as they are stored in the place of those that are shown. What is shown of earlier ones
 * stays, and so does what was not sent: it can be tried again there. Returns what is shown now,
 * and whether nothing earlier is.
 */
export function renew(turns) {
  const shown = shownTurns();
  const first = shown.findIndex((one) => turns[0]?.holds.some((id) => one.holds.includes(id)));
  const gone = shown.slice(Math.max(0, first));
  const stored = turns.map((turn) => before(turn, gone) ?? turn);
  const unsent = gone.filter((one) => one.key && !one.id && !stored.includes(one));
  const now = [...stored, ...unsent];
  const from = now.findIndex((turn, at) => turn !== gone[at]);
  if (from >= 0) {
    for (const turn of gone.slice(from)) turn.element.remove();
    byId("turns").append(...now.slice(from).map((turn) => turn.element));
  } else for (const turn of gone.slice(now.length)) turn.element.remove();
  return { now, whole: first <= 0 };
}
