/* A conversation as it is pasted: a line that begins with who speaks begins a message. */

import en from "/web/summaries/en.js";
import zh from "/web/summaries/zh.js";

const BEGINS = /^\s*(?:\[[^\]]*\]\s*)?([\p{L}][\p{L}\p{N} ._’'-]{0,40}?)\s*(?:\([^)]*\)\s*)?[:：]\s*(.*)$/u;

const callings = (name) => [en, zh].flatMap((table) => table[name].split(", "));
const SIDES = { human: callings("calledCustomer"), ai: callings("calledAgent") };

/* The side that somebody is on by what they are called. */
const sideOf = (name) => Object.keys(SIDES).find((side) => SIDES[side].includes(name.toLowerCase()));

/* Who is on which side, by their names. Of two who are called neither "customer" nor "agent" or the
 * like the first is the customer; one beside such a side is the other.
 */
function sides(names) {
  const known = new Map(names.map((name) => [name, sideOf(name)]).filter(([, side]) => side));
  const others = names.filter((name) => !known.has(name));
  const free = Object.keys(SIDES).filter((side) => ![...known.values()].includes(side));
  if (others.length <= free.length) others.forEach((name, at) => known.set(name, free[at]));
  return known;
}

/* The messages of a pasted conversation as { role, text }; null if it does not begin with who
 * speaks.
 */
export function messagesOf(pasted) {
  const lines = pasted.split(/\r?\n/).map((line) => line.match(BEGINS) ?? [line]);
  const names = new Set(lines.filter(([, name]) => name).map(([, name]) => name.toLowerCase()));
  const known = sides([...names]);
  const messages = [];
  for (const [line, name, text] of lines) {
    const role = name && known.get(name.toLowerCase());
    if (role) messages.push({ role, text });
    else if (messages.length) messages.at(-1).text += `\n${line}`;
    else if (line.trim()) return null;
  }
  const said = messages.map(({ role, text }) => ({ role, text: text.trim() })).filter(({ text }) => text);
  return said.length ? said : null;
}
