/* The operator's view: how it goes in the tenant, for who has an admin's key.
 *
 * It is told anew every few seconds while it is seen, and only then.
 */

import { kept } from "/web/kept.js";
import { runs } from "/web/key.js";
import { byId, explain, part, stamp } from "/web/parts.js";
import { call, read } from "/web/service.js";
import { inLine } from "/web/place.js";
import { addTexts, locale, number, onSpeak, t } from "/web/texts.js";
import { briefly, moment } from "/web/times.js";
import { spoken } from "/web/understanding.js";

import en from "/web/operations/en.js";
import { SPANS, addTrends, showTrends, span } from "/web/operations/trends.js";
import zh from "/web/operations/zh.js";

const EVERY = 5_000; // milliseconds between two looks
const PATIENCE = 20_000; // milliseconds that one may take
const [FEW, STEP, MOST] = [8, 40, 200]; // sessions of each kind
const TIMED = { timeStyle: "medium" };
const STATUSES = {
  running: "underWay", stopped: "stopped", failed: "failed", waiting: "statusWaiting", calling: "statusCalling",
};

addTexts({ en, zh });

/* Wire the view up; open({ customer, session }) shows a session. */
export function wire({ section, open }) {
  let by = kept("sessionStorage", "by") ?? "minute";
  let limit = FEW;
  let asked = 0; // moves with every look: an answer to an earlier one is dropped
  let timer = null;
  let last = null; // when it was told last
  let adapter; // whose card is shown

  const seen = () => !section.hidden && document.visibilityState === "visible";

  /* Ask how it goes, and again in a while. */
  async function look() {
    clearTimeout(timer);
    const mine = (asked += 1);
    if (!seen()) return;
    try {
      const path = `/v1/admin/operations?by=${by}&limit=${limit}`;
      const response = await call("GET", path, undefined, AbortSignal.timeout(PATIENCE));
      const found = await response.json();
      if (mine !== asked) return;
      last = found.at;
      fill(found);
      byId("operations-trouble").hidden = true;
    } catch (error) {
      if (mine !== asked) return;
      if (last) byId("operations-about").textContent = t("notSince", { at: moment(last, TIMED) });
      // Another key is asked for, or wanted: asking on with this one would only be refused.
      if (error.status === 401) return;
      explain(byId("operations-trouble"), error, look);
      if (error.status === 403) return;
    }
    timer = setTimeout(look, EVERY);
  }

  function fill(found) {
    const within = t(SPANS[found.by].last);
    const { total, digest, low_mood: low, unanswered } = found;
    byId("operations-about").textContent = t("asOf", { at: moment(found.at, TIMED) });
    tile("rate", number(found.rate), t("beingAnswered", { n: found.running }));
    part(byId("operations-turns"), "name").textContent = t("turnsIn", { within });
    tile("turns", number(total.turns), t("failedStopped", { failed: total.failed, stopped: total.stopped }));
    for (const [name, { p50, p95 }] of [["first", total.first_token], ["answer", total.answer]]) {
      tile(name, span(p50), p95 === null ? t("noneIn", { within }) : t("within95", { span: span(p95) }));
    }
    const waits = digest.since ? Math.max(0, Date.parse(found.at) - Date.parse(digest.since)) : 0;
    const whose = t("ofCustomers", { n: digest.customers });
    tile("digest", digest.since ? span(waits) : t("none"), digest.since ? whose : t("allInMemory"));
    tile("model", found.model.name, found.model.adapter ?? "");
    showTrends(found);
    list("low", low, ({ score, trend }) => `${spoken(trend)} · ${signed(score)}`);
    list("unanswered", unanswered, ({ status }) => t(STATUSES[status]));
    const count = ({ sessions: { length: n }, more }) => (more ? t("orMore", { n }) : number(n));
    const told = t("attention", { unanswered: count(unanswered), low: count(low) });
    if (byId("operations-status").textContent !== told) byId("operations-status").textContent = told;
    if (adapter !== found.model.adapter) showCard(found.model);
  }

  const signed = (score) =>
    score.toLocaleString(locale(), { minimumFractionDigits: 2, maximumFractionDigits: 2 }).replace("-", "\u2212");

  function tile(name, figure, note) {
    const element = byId(`operations-${name}`);
    part(element, "figure").textContent = figure;
    part(element, "note").textContent = note;
  }

  function list(name, { sessions, more }, about) {
    const box = byId(`operations-${name}`);
    const focused = document.activeElement.closest(`#operations-${name} li`)?.dataset.key;
    const items = sessions.map((one) => {
      const item = stamp("attention-template");
      item.dataset.key = JSON.stringify([one.customer, one.session]);
      part(item, "name").textContent = one.customer;
      part(item, "about").textContent = `${briefly(one.at)} · ${about(one)} · ${inLine(one.session)}`;
      const { customer, session } = one;
      Object.assign(item.querySelector("button"), { title: `${customer} · ${session}`, onclick: () => open({ customer, session }) });
      return item;
    });
    const before = [...box.children];
    const said = (list) => list.map((item) => item.dataset.key + item.textContent).join();
    const button = box.parentElement.querySelector(".more");
    const pressed = document.activeElement === button;
    if (said(items) !== said(before)) box.replaceChildren(...items);
    part(box.parentElement, "count").textContent = more ? `${number(sessions.length)}+` : number(sessions.length);
    button.hidden = !more || limit >= MOST;
    // What had the focus may be gone.
    const again = [...box.children].find((item) => item.dataset.key === focused) ?? box.firstElementChild;
    const next = focused ? again : pressed && button.hidden && box.children[before.length];
    if (focused || (pressed && button.hidden)) (next?.querySelector("button") ?? byId("operations-title")).focus();
  }

  /* The card of what answers, and what it is better than; for an admin of the service only. */
  async function showCard(model) {
    adapter = model.adapter;
    const found = runs() ? await read("/v1/admin/models").catch(() => undefined) : null;
    if (found === undefined) adapter = undefined; // it is asked for again at the next look
    const card = found?.models.find((one) => one.in_service);
    const lines = card ? cardLines(card) : [[t("model"), model.name], [t("adapter"), model.adapter ?? t("noAdapter")]];
    if (found?.trouble) lines.push([t("trouble"), found.trouble]);
    byId("operations-card").replaceChildren(...lines.map(([name, text]) => {
      const item = stamp("line-template");
      part(item, "name").textContent = name;
      part(item, "text").textContent = text;
      return item;
    }));
  }

  function cardLines({ id, date, base, data, figures, compared }) {
    const share = (value) => value.toLocaleString(locale(), { style: "percent" });
    const told = ({ perplexity, rouge_l: rouge, recalled, admitted }) => [
      t("perplexity", { n: perplexity.toFixed(2) }), t("rouge", { n: rouge.toFixed(3) }),
      ...(recalled === null ? [] : [t("recalls", { share: share(recalled) })]),
      ...(admitted === null ? [] : [t("admits", { share: share(admitted) })]),
    ].join(", ");
    return [
      [t("adapter"), id], [t("tunedOf"), base], [t("tunedAt"), moment(date)],
      [t("tunedOn"), [...new Set(data)].join(", ")], [t("measured"), told(figures)],
      ...Object.entries(compared).map(([name, one]) => [t("beside", { name }), told(one)]),
    ];
  }

  section.querySelector("header > :last-child").before(byId("operations-span"));
  addTrends(byId("operations-plots"));
  for (const choice of section.querySelectorAll("[name=by]")) {
    choice.checked = choice.value === by;
    choice.onchange = () => {
      by = kept("sessionStorage", "by", choice.value) ?? choice.value;
      look();
    };
  }
  for (const button of section.querySelectorAll(".more")) {
    button.onclick = () => {
      limit = Math.min(MOST, limit + STEP);
      look();
    };
  }
  document.addEventListener("visibilitychange", look);
  onSpeak(() => {
    adapter = undefined;
    look();
  });
  return {
    shown: look,
    hidden: look,
    clear() {
      adapter = undefined;
      for (const name of ["low", "unanswered", "card"]) byId(`operations-${name}`).replaceChildren();
    },
  };
}
