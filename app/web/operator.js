/* The operator's view: how it goes in the tenant, for who has an admin's key.
 *
 * It is told anew every few seconds while it is seen, and only then.
 */

import { kept } from "/web/kept.js";
import { ownCustomer } from "/web/key.js";
import { byId, explain, part, stamp } from "/web/parts.js";
import { call, read } from "/web/service.js";
import { briefly, moment } from "/web/times.js";
import { SPANS, addTrends, number, showTrends, span } from "/web/trends.js";

const HERE = "#operations"; // where the address says that the view is wanted
const EVERY = 5_000; // milliseconds between two looks
const PATIENCE = 20_000; // milliseconds that one may take
const [FEW, STEP, MOST] = [8, 40, 200]; // sessions of each kind
const NAME = "Conversational memory";

/* Wire the view up; open(customer, session) shows a session, nameOf() is how its name is shown.
 *
 * What is returned is called when there is another key: it lets an admin in, and nobody else.
 */
export function wireOperator({ open, nameOf }) {
  const view = byId("operations");
  let admin = false;
  let by = kept("sessionStorage", "by") ?? "minute";
  let limit = FEW;
  let asked = 0; // moves with every look: an answer to an earlier one is dropped
  let timer = null;
  let last = null; // when it was told last
  let adapter; // whose card is shown

  const seen = () => !view.hidden && document.visibilityState === "visible";

  function show() {
    const wanted = admin && location.hash === HERE;
    byId("to-operations").hidden = !admin;
    if (view.hidden === wanted) toggle(wanted);
    look();
  }

  function toggle(wanted) {
    view.hidden = !wanted;
    byId("page").hidden = wanted;
    document.querySelector(".skip").hidden = wanted;
    document.title = wanted ? `Operations · ${NAME}` : NAME;
    for (const drawer of document.querySelectorAll(":popover-open")) drawer.hidePopover();
    (wanted ? byId("operations-title") : byId("scroll")).focus();
  }

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
      if (last) byId("operations-about").textContent = `Not told anew since ${moment(last, { timeStyle: "medium" })}.`;
      // Another key is asked for, or wanted: asking on with this one would only be refused.
      if (error.status === 401) return;
      explain(byId("operations-trouble"), error, look);
      if (error.status === 403) return;
    }
    timer = setTimeout(look, EVERY);
  }

  function fill(found) {
    const within = SPANS[found.by].last;
    const { total, digest, low_mood: low, unanswered } = found;
    byId("operations-about").textContent = `As of ${moment(found.at, { timeStyle: "medium" })}`;
    tile("rate", number(found.rate), `${number(found.running)} being answered`);
    part(byId("operations-turns"), "name").textContent = `Turns in ${within}`;
    tile("turns", number(total.turns), `${number(total.failed)} failed, ${number(total.stopped)} stopped`);
    for (const [name, { p50, p95 }] of [["first", total.first_token], ["answer", total.answer]]) {
      tile(name, span(p50), p95 === null ? `none in ${within}` : `95% within ${span(p95)}`);
    }
    const waits = digest.since ? Math.max(0, Date.parse(found.at) - Date.parse(digest.since)) : 0;
    const whose = digest.customers === 1 ? "1 customer" : `${number(digest.customers)} customers`;
    tile("digest", digest.since ? span(waits) : "None", digest.since ? `of ${whose}` : "all is in memory");
    tile("model", found.model.name, found.model.adapter ?? "");
    showTrends(found);
    list("low", low, ({ score, trend }) => `${trend}, ${score.toFixed(2).replace("-", "\u2212")}`);
    list("unanswered", unanswered, ({ status }) => (status === "running" ? "under way" : status));
    const more = (found) => (found.more ? " or more" : "");
    const told = `${unanswered.sessions.length}${more(unanswered)} not answered, ${low.sessions.length}${more(low)} in low mood`;
    if (byId("operations-status").textContent !== told) byId("operations-status").textContent = told;
    if (adapter !== found.model.adapter) showCard(found.model);
  }

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
      part(item, "about").textContent = `${briefly(one.at)} · ${about(one)} · ${nameOf(one.session)}`;
      const { customer, session } = one;
      Object.assign(item.querySelector("button"), { title: `${customer} · ${session}`, onclick: () => go(one) });
      return item;
    });
    const before = [...box.children];
    const said = (list) => list.map((item) => item.dataset.key + item.textContent).join();
    const button = box.parentElement.querySelector(".more");
    const pressed = document.activeElement === button;
    if (said(items) !== said(before)) box.replaceChildren(...items);
    part(box.parentElement, "count").textContent = more ? `${sessions.length}+` : sessions.length;
    button.hidden = !more || limit >= MOST;
    // What had the focus may be gone.
    const again = [...box.children].find((item) => item.dataset.key === focused) ?? box.firstElementChild;
    const next = focused ? again : pressed && button.hidden && box.children[before.length];
    if (focused || (pressed && button.hidden)) (next?.querySelector("button") ?? byId("operations-title")).focus();
  }

  function go({ customer, session }) {
    location.hash = "#conversation";
    open(customer, session);
  }

  /* The card of what answers, and what it is better than; for an admin of the service only. */
  async function showCard(model) {
    adapter = model.adapter;
    const found = await read("/v1/admin/models").catch(({ status }) => (status === 403 ? null : undefined));
    if (found === undefined) adapter = undefined; // it is asked for again at the next look
    const card = found?.models.find((one) => one.in_service);
    const lines = card ? cardLines(card) : [["Model", model.name], ["Adapter", model.adapter ?? "none: the model as it is"]];
    if (found?.trouble) lines.push(["Trouble", found.trouble]);
    byId("operations-card").replaceChildren(...lines.map(([name, text]) => {
      const item = stamp("line-template");
      part(item, "name").textContent = name;
      part(item, "text").textContent = text;
      return item;
    }));
  }

  function cardLines({ id, date, base, data, figures, compared }) {
    const share = (value) => `${Math.round(value * 100)}%`;
    const told = ({ perplexity, rouge_l: rouge, recalled, admitted }) => [
      `perplexity ${perplexity.toFixed(2)}`, `ROUGE-L ${rouge.toFixed(3)}`,
      ...(recalled === null ? [] : [`recalls ${share(recalled)}`]),
      ...(admitted === null ? [] : [`admits ${share(admitted)}`]),
    ].join(", ");
    return [
      ["Adapter", id], ["Of", base], ["Tuned", moment(date)], ["On", [...new Set(data)].join(", ")],
      ["Measured", told(figures)],
      ...Object.entries(compared).map(([name, one]) => [`Beside ${name}`, told(one)]),
    ];
  }

  /* Let in whom the service says is an admin. */
  async function admit() {
    const mine = (asked += 1);
    const who = ownCustomer() === null ? await read("/v1/key").catch(() => null) : null;
    if (mine !== asked) return;
    [admin, adapter] = [who?.role === "admin", undefined];
    show();
  }

  addTrends(byId("operations-plots"));
  for (const choice of view.querySelectorAll("[name=by]")) {
    choice.checked = choice.value === by;
    choice.onchange = () => {
      by = kept("sessionStorage", "by", choice.value) ?? choice.value;
      look();
    };
  }
  for (const button of view.querySelectorAll(".more")) {
    button.onclick = () => {
      limit = Math.min(MOST, limit + STEP);
      look();
    };
  }
  document.addEventListener("visibilitychange", look);
  addEventListener("hashchange", show);
  return admit;
}
