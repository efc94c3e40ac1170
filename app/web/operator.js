/* The operator's view: how it goes in the tenant, for who has an admin's key.
 *
 * It is told anew every few seconds while it is seen, and only then.
 */

import { kept } from "/web/kept.js";
import { ownCustomer } from "/web/key.js";
import { byId, explain, on, part, stamp } from "/web/parts.js";
import { draw } from "/web/plot.js";
import { call, read } from "/web/service.js";
import { CLOCK, briefly, moment } from "/web/times.js";

const HERE = "#operations"; // where the address says that the view is wanted
const EVERY = 5_000; // milliseconds between two looks
const PATIENCE = 20_000; // milliseconds that one may take
const [FEW, STEP, MOST] = [8, 40, 200]; // sessions of each kind
const NAME = "Conversational memory";

const SPANS = {
  minute: { last: "the last hour", by: "by minute", form: CLOCK },
  hour: { last: "the last day", by: "by hour", form: { weekday: "short", ...CLOCK } },
  // Days are the world's, not the reader's, and so are their names.
  day: { last: "the last 30 days", by: "by day (UTC)", form: { day: "numeric", month: "short", timeZone: "UTC" } },
};

const number = (value) => (value ?? 0).toLocaleString();
const latency = (name) => [
  { name: "median", mark: "half", of: (point) => point[name].p50 },
  { name: "95th percentile", mark: "most", of: (point) => point[name].p95 },
];
const PLOTS = {
  turns: {
    title: "Turns", form: "bars", shown: number, series: [
      { name: "answered", mark: "good", of: ({ answered }) => answered },
      { name: "stopped", mark: "fair", of: ({ stopped }) => stopped },
      { name: "failed", mark: "bad", of: ({ failed }) => failed },
    ],
  },
  first: { title: "Time to the first word", form: "lines", shown: span, series: latency("first_token") },
  answer: { title: "Time to the end of the answer", form: "lines", shown: span, series: latency("answer") },
  undone: {
    title: "Requests that were not done", form: "bars", shown: number, series: [
      { name: "failed", mark: "bad", of: ({ requests_failed: failed }) => failed },
      { name: "refused", mark: "fair", of: ({ requests_refused: refused }) => refused },
    ],
  },
};

/* Milliseconds as people say them. */
function span(ms) {
  if (ms === null) return "–";
  if (ms < 1_000) return `${ms}\u00a0ms`;
  if (ms < 120_000) return `${(ms / 1_000).toPrecision(ms < 10_000 ? 2 : 3)}\u00a0s`;
  const minutes = Math.round(ms / 60_000);
  if (minutes < 120) return `${minutes}\u00a0min`;
  return minutes < 2_880 ? `${Math.round(minutes / 60)}\u00a0h` : `${Math.round(minutes / 1_440)}\u00a0days`;
}

const many = (count, one, more = `${one}s`) => `${number(count)} ${count === 1 ? one : more}`;

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
    const { last: within, by: step } = SPANS[found.by];
    const { total, digest, low_mood: low, unanswered } = found;
    byId("operations-about").textContent = `As of ${moment(found.at, { timeStyle: "medium" })}`;
    tile("rate", number(found.rate), `${number(found.running)} being answered`);
    part(byId("operations-turns"), "name").textContent = `Turns in ${within}`;
    tile("turns", number(total.turns), `${number(total.failed)} failed, ${number(total.stopped)} stopped`);
    tile("first", span(total.first_token.p50), `95% within ${span(total.first_token.p95)}`);
    tile("answer", span(total.answer.p50), `95% within ${span(total.answer.p95)}`);
    const waits = digest.since ? Math.max(0, Date.parse(found.at) - Date.parse(digest.since)) : 0;
    tile("digest", digest.since ? span(waits) : "None", digest.since ? `${many(digest.customers, "customer")} waiting` : "all is in memory");
    tile("model", found.model.name, found.model.adapter ?? "");
    for (const name of Object.keys(PLOTS)) plot(name, found, `${within}, ${step}`);
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

  function newPlot([name, { title, series }]) {
    const element = stamp("plot-template");
    element.id = `plot-${name}`;
    part(element, "title").textContent = title;
    part(element, "of").textContent = `: ${title}`;
    element.querySelector(".table").setAttribute("aria-label", `${title}, as a table`);
    const marks = [...series, { name: "", mark: "top" }];
    element.querySelector(".legend").append(...marks.map(({ name: textContent, mark: className }) =>
      Object.assign(stamp("legend-template"), { textContent, className }),
    ));
    return element;
  }

  function plot(name, { points, by: step }, within) {
    const element = byId(`plot-${name}`);
    const { title, series, form, shown } = PLOTS[name];
    const timed = points.map((point) => ({ ...point, when: moment(point.at, SPANS[step].form) }));
    const svg = element.querySelector("svg");
    const most = draw(svg, { points: timed, series, form, shown });
    svg.setAttribute("aria-label", `${title}, ${within}: at most ${shown(most)}. The numbers are below.`);
    element.querySelector(".top").textContent = most ? `at most ${shown(most)}` : "Nothing in this time";
    part(element, "begin").textContent = timed[0].when;
    table(element.querySelector("table"), timed, PLOTS[name]);
  }

  /* The same as a table, the last first; times in which there was nothing are left out. */
  function table(element, points, { series, shown }) {
    const cells = (kind, texts) => texts.map((text) => Object.assign(document.createElement(kind), { textContent: text }));
    const row = (...inside) => {
      const element = document.createElement("tr");
      element.append(...inside);
      return element;
    };
    const names = series.map((one) => one.name);
    const rows = points.toReversed().filter((point) => series.some((one) => one.of(point)));
    element.tHead.replaceChildren(row(...cells("th", ["Time", ...names])));
    element.tBodies[0].replaceChildren(...rows.map((point) =>
      row(...cells("th", [point.when]), ...cells("td", series.map((one) => shown(one.of(point))))),
    ));
  }

  function list(name, { sessions, more }, about) {
    const box = byId(`operations-${name}`);
    const focused = document.activeElement.closest(`#operations-${name} li`)?.dataset.key;
    const items = sessions.map((one) => {
      const item = stamp("attention-template");
      item.dataset.key = JSON.stringify([one.customer, one.session]);
      part(item, "name").textContent = one.customer;
      part(item, "about").textContent = `${briefly(one.at)} · ${about(one)} · ${nameOf(one.session)}`;
      item.querySelector("button").onclick = () => go(one);
      return item;
    });
    const before = [...box.children];
    const said = (list) => list.map((item) => item.textContent).join();
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
    const found = await read("/v1/admin/models").catch(() => null);
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

  byId("operations-plots").append(...Object.entries(PLOTS).map(newPlot));
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
