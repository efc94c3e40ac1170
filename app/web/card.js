/* The card: the customer at a glance, for a person who takes over, who can put facts right. */

import { byId, explain, part, stamp } from "/web/parts.js";
import { call, read } from "/web/service.js";
import { DAY, moment } from "/web/times.js";
import { showMood } from "/web/understanding.js";

/* Wire the panel up.
 *
 * where() is the customer's path, changed() is told when something was taken out of the
 * conversation, and nameOf() is how a session's name is shown.
 */
export function wireCard({ where, changed, nameOf }) {
  const panel = byId("glance");
  let opened = 0; // moves with every look: an answer to an earlier one is dropped
  let returning = null; // what had the focus before a dialog

  async function show(focus) {
    const mine = (opened += 1);
    byId("glance-trouble").hidden = true;
    try {
      const card = await read(`${where()}/card`);
      if (mine === opened) fill(card);
    } catch (error) {
      if (mine !== opened) return;
      byId("glance-parts").hidden = true;
      byId("glance-about").textContent = error.status === 404 ? "Nothing is known yet." : "";
      if (error.status !== 404) explain(byId("glance-trouble"), error, () => show());
    }
    if (focus) (panel.querySelector(focus) ?? byId("glance-title")).focus();
  }

  function fill(card) {
    const { mood, problem, promises, facts, more, last_session: last, last_contact: heard } = card;
    const sessions = card.sessions === 1 ? "1 session" : `${card.sessions} sessions`;
    byId("glance-about").textContent = heard ? `${sessions} · last heard ${moment(heard)}` : sessions;
    showMood(byId("glance-mood"), mood);
    byId("glance-moods").textContent = mood ? spanOf(mood.points) : "";
    put("problem", problem ? [item(problem)] : []);
    put("promises", promises.map(promised));
    put("facts", facts.map((fact) => item(fact)));
    byId("glance-more").textContent = more.length ? `Older ones are not shown: ${names(more)}.` : "";
    byId("glance-summary").textContent = last?.summary ?? "";
    byId("glance-session").textContent = last ? `${nameOf(last.session)} · ${moment(last.last_message_at)}` : "";
    byId("glance-parts").hidden = false;
  }

  function spanOf(points) {
    const days = [points[0], points.at(-1)].map(({ at }) => moment(at, DAY));
    const count = points.length === 1 ? "1 message" : `${points.length} messages`;
    return `${count} · ${[...new Set(days)].join(" – ")}`;
  }

  const names = (slots) => slots.map((slot) => slot.replaceAll("_", " ")).join(", ");
  const put = (name, items) => byId(`glance-${name}`).replaceChildren(...items);

  function promised({ fact, due, overdue }) {
    const element = item(fact);
    if (due) part(element, "mark").textContent = overdue ? "overdue" : "open";
    if (due) part(element, "due").textContent = `Due ${moment(due, DAY)}`;
    element.dataset.overdue = overdue;
    return element;
  }

  function item(fact) {
    const element = stamp("fact-template");
    element.dataset.id = fact.id;
    part(element, "label").textContent = fact.label;
    part(element, "value").textContent = fact.value;
    part(element, "source").textContent = sourceOf(fact);
    part(element, "replaced").textContent = fact.replaced
      ? `Before ${moment(fact.replaced.until)}: ${fact.replaced.value}` : "";
    const act = (name, action) => {
      const button = part(element, name);
      button.setAttribute("aria-label", `${button.textContent}: ${fact.label} ${fact.value}`);
      button.onclick = action;
      return button;
    };
    act("correct", () => correct(fact));
    act("forget", () => forget(fact));
    act("pin", () => change(fact, { pinned: !fact.pinned }, fact.pinned ? "Unpinned." : "Pinned."))
      .setAttribute("aria-pressed", fact.pinned);
    return element;
  }

  function sourceOf({ source, since }) {
    if (source.made_by === "person") return `By a person · ${moment(since)}`;
    if (!source.message) return moment(since);
    const who = source.role === "human" ? "Customer" : "Agent";
    const said = source.excerpt ? `${who}: “${source.excerpt}”` : who;
    return `${said} · ${nameOf(source.session)} · ${moment(source.at)}`;
  }

  async function change(fact, body, said) {
    const method = body ? "PUT" : "DELETE";
    try {
      await call(method, `${where()}/memories/${encodeURIComponent(fact.id)}`, body);
    } catch (error) {
      if (error.status !== 401) explain(byId("glance-trouble"), error);
      return;
    }
    byId("glance-status").textContent = said;
    const button = body ? ("pinned" in body ? "pin" : "correct") : "forget";
    await show(place(fact, button));
    if (!body || "value" in body) changed();
  }

  const place = (fact, name) => `[data-id="${CSS.escape(fact.id)}"] [data-part="${name}"]`;

  /* Ask in a dialog, which closes the panel; it is opened again where it was. */
  function ask(dialog, from, answered) {
    dialog.onclose = () => {
      returning = from;
      panel.showPopover();
      answered(dialog.returnValue);
    };
    dialog.returnValue = "";
    dialog.showModal();
  }

  function correct(fact) {
    byId("correction-label").textContent = fact.label;
    const field = Object.assign(byId("corrected"), { value: fact.value });
    ask(byId("correction"), place(fact, "correct"), (answer) => {
      const value = field.value.trim();
      if (answer === "correct" && value && value !== fact.value) {
        change(fact, { value }, "Corrected. The next answer is made from the new.");
      }
    });
    field.select();
  }

  function forget(fact) {
    byId("forgetting-fact").textContent = `${fact.label}: ${fact.value}`;
    ask(byId("forgetting"), place(fact, "forget"), (answer) => {
      if (answer === "forget") change(fact, undefined, "Forgotten.");
    });
  }

  // No submit button, or it would be the one that Enter presses.
  byId("correction-keep").onclick = () => byId("correction").close("keep");
  panel.addEventListener("toggle", ({ newState }) => {
    if (newState !== "open") return;
    byId("glance-status").textContent = "";
    show(returning);
    returning = null;
  });
}
