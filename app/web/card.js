/* The card: the customer at a glance, for a person who takes over, who can put facts right. */

import { onRole, tends } from "/web/key.js";
import { summarised } from "/web/message.js";
import { byId, explain, part, stamp } from "/web/parts.js";
import { customerPath, inLine, nameOf } from "/web/place.js";
import { changes, correct, forgetNow } from "/web/remembered.js";
import { read } from "/web/service.js";
import { known, onSpeak, t } from "/web/texts.js";
import { DAY, moment } from "/web/times.js";
import { moodInWords, showMood } from "/web/understanding.js";

const MOST = 1000; // letters of a fact

const labelOf = ({ slot, label }) => known(slot, label);

/* What the customer has said that nobody has answered; else what they said last. */
function lastSaid(said, as) {
  const shown = said.filter(({ role, status }) => role === "human" || (role === "ai" && status !== "failed"));
  const asked = shown.slice(shown.findLastIndex(({ role }) => role === "ai") + 1);
  const words = (name, { text, at }) => t(name, { text: as(text), at: moment(at) });
  if (asked.length) return asked.map((one) => words("sheetWaiting", one));
  const last = shown.findLast(({ role }) => role === "human");
  return last ? [words("sheetLast", last)] : [];
}

/* Facts as lines: a value once, and what is one of several of its kind with what was said of it. */
function factLines(facts, as) {
  const form = (fact) => JSON.stringify([fact.slot, fact.value.toLocaleLowerCase()]);
  const once = facts.filter((fact, at) => facts.findIndex((one) => form(one) === form(fact)) === at);
  return once.map((fact) => {
    const { slot, value, source: { excerpt, at } } = fact;
    const alone = slot !== "date" && once.filter((one) => one.slot === slot).length === 1;
    const label = labelOf(fact);
    if (alone || !excerpt) return t("sheetFact", { label, value: as(value) });
    return t("sheetQuoted", { label, value: as(value), text: as(excerpt), at: moment(at, DAY) });
  });
}

/* A summary, of whose lines as() gives what was said. */
function inShort(summary, as) {
  const speakers = ["customer", "agent"].map((name) => t("sheetFact", { label: t(name), value: "" }));
  return summarised(summary).split("\n").map((line) => {
    const who = speakers.find((one) => line.startsWith(one)) ?? "";
    return who + as(line.slice(who.length));
  });
}

/* The card as text, for who answers next: first what waits for an answer. said are the session's
 * last messages; as(text) gives what was said in it, as it is to be read.
 */
export function sheetOf({ session: { session, messages }, summary, card, said }, customer, as = (text) => text) {
  const due = ({ fact, due }) => {
    const text = as(fact.value);
    return due ? t("sheetDue", { text, day: moment(due, DAY) }) : text;
  };
  const about = { name: nameOf(session), messages: t("messages", { n: messages }) };
  return [
    ...lastSaid(said, as),
    t("sheetCustomer", { name: customer }),
    t("sheetSession", about),
    card?.mood && t("sheetMood", { mood: moodInWords(card.mood) }),
    card?.problem && t("sheetProblem", { text: as(card.problem.value) }),
    ...(card?.promises ?? []).map((one) => t("sheetPromise", { text: due(one) })),
    ...factLines(card?.facts ?? [], as),
    "",
    t("sheetSaid"),
    ...inShort(summary, as),
  ].filter((line) => line !== null && line !== undefined).join("\n");
}

/* Wire the panel up; jump({ session, message }) shows a message, and changed() is told when
 * something was taken out of the conversation.
 */
export function wireCard({ jump, changed }) {
  const panel = byId("glance");
  let opened = 0; // moves with every look: an answer to an earlier one is dropped
  let whose = null; // it is that is shown
  const { change, forget, status } = changes("glance", async (focused) => {
    await show();
    if (focused) byId("glance-title").focus();
    changed();
  });

  async function show(focus) {
    const mine = (opened += 1);
    await forgetNow();
    byId("glance-trouble").hidden = true;
    if (whose !== customerPath()) {
      whose = customerPath();
      byId("glance-parts").hidden = true;
      byId("glance-about").textContent = t("looking");
    }
    try {
      const card = await read(`${whose}/card?may_be_new=true`);
      if (mine === opened && isKnown(card)) fill(card);
      else if (mine === opened) leaveEmpty(t("nothingKnown"));
    } catch (error) {
      if (mine !== opened) return;
      leaveEmpty("");
      explain(byId("glance-trouble"), error, () => show());
    }
    if (focus) (panel.querySelector(focus) ?? byId("glance-title")).focus();
  }

  const isKnown = ({ sessions, facts, more, promises, problem }) =>
    sessions || facts.length || more.length || promises.length || problem;

  function leaveEmpty(why) {
    byId("glance-parts").hidden = true;
    byId("glance-about").textContent = why;
  }

  function fill(card) {
    const { mood, problem, promises, facts, more, last_session: last, last_contact: heard } = card;
    const sessions = t("sessionCount", { n: card.sessions });
    byId("glance-about").textContent = heard ? t("lastHeard", { sessions, at: moment(heard) }) : sessions;
    showMood(byId("glance-mood"), mood);
    byId("glance-moods").textContent = mood ? spanOf(mood.points) : "";
    put("problem", problem ? [item(problem)] : []);
    put("promises", promises.map(promised));
    put("facts", facts.map((fact) => item(fact)));
    const slots = more.map((slot) => known(slot, slot.replaceAll("_", " ")));
    const names = slots.join(t("comma")).toLocaleLowerCase();
    byId("glance-more").textContent = more.length ? t("olderFacts", { names }) : "";
    byId("glance-summary").textContent = summarised(last?.summary ?? "");
    byId("glance-session").textContent = last ? `${inLine(last.session)} · ${moment(last.last_message_at)}` : "";
    byId("glance-parts").hidden = false;
  }

  function spanOf(points) {
    const days = [points[0], points.at(-1)].map(({ at }) => moment(at, DAY));
    return `${t("messages", { n: points.length })} · ${[...new Set(days)].join(" – ")}`;
  }

  const put = (name, items) => byId(`glance-${name}`).replaceChildren(...items);

  function promised({ fact, due, overdue }) {
    const element = item(fact);
    if (due) part(element, "mark").textContent = t(overdue ? "overdue" : "open");
    if (due) part(element, "due").textContent = t("due", { day: moment(due, DAY) });
    element.dataset.overdue = overdue;
    return element;
  }

  function item(fact) {
    const { id, value, pinned, replaced } = fact;
    const element = stamp("fact-template");
    const label = labelOf(fact);
    element.dataset.id = id;
    part(element, "label").textContent = label;
    part(element, "text").textContent = value;
    part(element, "source").textContent = sourceOf(fact);
    part(element, "replaced").textContent = replaced
      ? t("before", { at: moment(replaced.until), value: replaced.value }) : "";
    const act = (name, action) => {
      const button = part(element, name);
      const said = { action: button.textContent, what: `${label} ${value}` };
      button.setAttribute("aria-label", t("ofMemory", said));
      button.onclick = action;
      return button;
    };
    const { message, session } = fact.source;
    act("origin", () => jump({ session, message })).hidden = !message;
    act("correct", () => correct(element, {
      value, what: label, most: MOST, save: (said) => amend(fact, "correct", { value: said }, t("corrected")),
    }));
    act("forget", () => forget(element, { id, what: `${label} ${value}` }));
    act("pin", () => amend(fact, "pin", { pinned: !pinned }, t(pinned ? "unpinned" : "pinned")))
      .setAttribute("aria-pressed", pinned);
    return element;
  }

  /* Change a fact and show what is so now, with the focus where it was. */
  async function amend(fact, button, body, said) {
    if (!(await change(fact.id, body, said))) return;
    await show(`[data-id="${CSS.escape(fact.id)}"] [data-part="${button}"]`);
    if ("value" in body) changed();
  }

  function sourceOf({ source, since }) {
    if (source.made_by === "person") return t("byPerson", { at: moment(since) });
    if (!source.message) return moment(since);
    const who = t(source.role === "human" ? "customer" : "agent");
    const said = source.excerpt ? t("bySide", { who, text: source.excerpt }) : who;
    return `${said} · ${inLine(source.session)} · ${moment(source.at)}`;
  }

  panel.addEventListener("toggle", ({ newState }) => {
    if (newState !== "open") return forgetNow();
    status("");
    show();
  });
  onRole(() => (byId("show-glance").hidden = !tends()));
  onSpeak(() => panel.matches(":popover-open") && show());
}
