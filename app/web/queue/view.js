/* The queue: who waits for a person, since when, in which session, and what about. */

import { inMine, onTranslated, wireTongue } from "/web/bilingual.js";
import { byId, explain, part, stamp } from "/web/parts.js";
import { inLine } from "/web/place.js";
import { lookAtQueue, onQueue, queued } from "/web/queue.js";
import { addTexts, number, onSpeak, t } from "/web/texts.js";
import { briefly, moment, write } from "/web/times.js";

import en from "/web/queue/en.js";
import zh from "/web/queue/zh.js";

const TIMED = { timeStyle: "medium" };
const WHYS = { asked: "queueAsked", passed: "queuePassed", waiting: "queueUnanswered", held: "queueSince" };

addTexts({ en, zh });

/* Wire the view up; open({ customer, session }) shows a session. */
export function wire({ open }) {
  function fill() {
    const { found, error, at } = queued();
    byId("queue-trouble").hidden = !error;
    if (error) explain(byId("queue-trouble"), error, lookAtQueue);
    const { sessions, more } = found ?? { sessions: [], more: false };
    const held = sessions.filter(({ why }) => why === "held");
    list("held", held, more);
    list("waiting", sessions.filter((one) => !held.includes(one)), more && !held.length);
    byId("queue-about").textContent = found ? t("queueAsOf", { at: moment(at, TIMED) }) : "";
  }

  function list(name, sessions, more) {
    const box = byId(`queue-${name}`);
    const items = sessions.map(item);
    const said = (all) => all.map((one) => one.dataset.key + one.textContent).join();
    const count = number(sessions.length);
    part(box.parentElement, "count").textContent = more ? `${count}+` : count;
    if (said(items) === said([...box.children])) return;
    const focused = document.activeElement.closest(`#queue-${name} li`)?.dataset.key;
    box.replaceChildren(...items);
    if (!focused) return;
    const again = items.find((one) => one.dataset.key === focused) ?? items[0];
    (again?.querySelector("button") ?? byId("queue-title")).focus();
  }

  function item({ customer, session, why, since, messages: n, text }) {
    const element = stamp("queue-template");
    element.dataset.key = JSON.stringify([customer, session]);
    part(element, "name").textContent = customer;
    part(element, "why").textContent = t(WHYS[why], { n });
    part(element, "session").textContent = inLine(session);
    part(element, "text").textContent = text ?? "";
    const translated = inMine({ customer, text });
    part(element, "translation").textContent = translated && t("translatedText", { text: translated });
    write(element.querySelector("time"), since, briefly);
    const button = element.querySelector("button");
    Object.assign(button, { title: `${customer} · ${session}`, onclick: () => open({ customer, session }) });
    return element;
  }

  wireTongue(byId("queue-tongue"));
  onTranslated(fill);
  onQueue(fill);
  onSpeak(fill);
  return { shown: () => (fill(), lookAtQueue()) };
}
