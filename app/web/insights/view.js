/* Monitoring: what customers write about and how they feel, over time, and surges of anger.
 *
 * It is told anew every minute while it is seen.
 */

import { kept } from "/web/kept.js";
import { byId, explain, part, stamp } from "/web/parts.js";
import { newPlot, plot } from "/web/plots.js";
import { read } from "/web/service.js";
import { addTexts, labelled, locale, number, onSpeak, t } from "/web/texts.js";
import { CLOCK, between, briefly } from "/web/times.js";

import en from "/web/insights/en.js";
import zh from "/web/insights/zh.js";

const EVERY = 60_000; // milliseconds between two looks
const ALERTS = 20; // that are asked for
const FEW = 4; // of them that are shown at first, beside those that go on
const SPANS = {
  hour: { last: "insightsIn48", by: "byHour", form: { weekday: "short", ...CLOCK } },
  // Days are the world's, not the reader's, and so are their names.
  day: { last: "insightsIn30", by: "byDay", form: { day: "numeric", month: "short", timeZone: "UTC" } },
};
const PLOTS = {
  moods: {
    title: "insightsMoods", form: "bars", shown: number, series: [
      { name: "negative", mark: "bad", of: ({ negative }) => negative },
      { name: "neutral", mark: "fair", of: ({ neutral }) => neutral },
      { name: "positive", mark: "good", of: ({ positive }) => positive },
    ],
  },
  share: {
    title: "insightsShare", form: "lines", shown: percent, series: [
      { name: "negative", mark: "bad", of: share },
    ],
  },
};

addTexts({ en, zh });

/* How many were read in whose mood is known: a share is one of these, as the mean mood is theirs. */
const felt = ({ negative, neutral, positive }) => negative + neutral + positive;

function share(counts) {
  return felt(counts) ? counts.negative / felt(counts) : null;
}

function percent(share) {
  return share === null ? "–" : share.toLocaleString(locale(), { style: "percent", maximumFractionDigits: 0 });
}

const named = (topic) => (topic === null ? t("insightsOther") : labelled(topic));

/* Wire the view up; open({ customer, session, message }) shows a message in its session. */
export function wire({ section, open }) {
  const chosen = { source: "messages", by: kept("sessionStorage", "insights.by") ?? "day" };
  let only = null; // { kind: "topic" or "product", name }
  let asked = 0; // moves with every look: an answer to an earlier one is dropped
  let timer = null;
  let all = false; // whether every alert is shown that was asked for

  const seen = () => !section.hidden && document.visibilityState === "visible";

  /* Ask how it goes, and again in a while. */
  async function look() {
    clearTimeout(timer);
    const mine = (asked += 1);
    if (!seen()) return;
    const query = new URLSearchParams(chosen);
    if (only) query.set(only.kind, only.name ?? "");
    try {
      const [found, { alerts }] = await Promise.all([
        read(`/v1/insights?${query}`), read(`/v1/insights/alerts?limit=${ALERTS}&source=${chosen.source}`),
      ]);
      if (mine !== asked) return;
      fill(found);
      showAlerts(alerts);
      byId("insights-trouble").hidden = true;
    } catch (error) {
      if (mine !== asked || error.status === 401) return;
      explain(byId("insights-trouble"), error, look);
      if (error.status === 403) return;
    }
    timer = setTimeout(look, EVERY);
  }

  function fill(found) {
    const { total, by, source } = found;
    const { last, form: clock, by: step } = SPANS[by];
    byId("insights-about").textContent = `${briefly(found.at)} · ${t(last)}`;
    const n = number(felt(total));
    tile("texts", number(total.texts), t("insightsFelt", { n }));
    tile("negative", percent(share(total)), t("insightsOf", { negative: number(total.negative), n }));
    const mood = total.mood?.toLocaleString(locale(), { minimumFractionDigits: 2, maximumFractionDigits: 2 });
    tile("mood", mood?.replace("-", "\u2212") ?? "–", total.mood === null ? t("insightsNone") : t("insightsMean"));
    tile("open", number(found.open_alerts), t(source === "messages" ? "insightsOfMessages" : "insightsOfDocuments"));
    for (const [name, one] of Object.entries(PLOTS)) {
      plot(byId(`insights-plot-${name}`), { ...one, points: found.points, clock, within: t(last), by: t(step) });
    }
    themes("topic", byId("insights-topics"), found.topics, named);
    themes("product", byId("insights-products"), found.products, (name) => name);
    byId("insights-with-products").hidden = !found.products.length && only?.kind !== "product";
    byId("insights-only").hidden = !only;
    const name = only && (only.kind === "topic" ? named(only.name) : only.name);
    part(byId("insights-only"), "only").textContent = only ? t("insightsOnly", { name }) : "";
  }

  function tile(name, figure, note) {
    part(byId(`insights-${name}`), "figure").textContent = figure;
    part(byId(`insights-${name}`), "note").textContent = note;
  }

  function themes(kind, box, found, call) {
    const focused = box.contains(document.activeElement) ? document.activeElement.dataset.name : null;
    box.replaceChildren(...found.map((one) => {
      const item = stamp("theme-template");
      const button = item.firstElementChild;
      const pressed = only?.kind === kind && only.name === one.name;
      part(item, "name").textContent = call(one.name);
      part(item, "about").textContent = t("insightsAbout", { n: one.texts, share: percent(share(one)) });
      small(item.querySelector("svg"), one);
      button.dataset.name = one.name ?? "";
      button.setAttribute("aria-pressed", pressed);
      button.onclick = () => narrow(pressed ? null : { kind, name: one.name });
      return item;
    }));
    if (focused !== null) {
      const again = [...box.querySelectorAll("button")].find((one) => one.dataset.name === focused);
      (again ?? byId("insights-title")).focus();
    }
  }

  /* Bars of what was written, the negative part of each below. */
  function small(svg, { texts_at: texts, negative_at: negative }) {
    const [most, step] = [Math.max(1, ...texts), 120 / texts.length];
    const bar = (count, at, className) => {
      const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      const height = (20 * count) / most;
      const place = { class: className, x: at * step, y: 20 - height, width: step * 0.8, height };
      for (const [name, value] of Object.entries(place)) rect.setAttribute(name, value);
      return rect;
    };
    svg.replaceChildren(
      ...texts.map((count, at) => bar(count, at, "all")), ...negative.map((count, at) => bar(count, at, "bad")),
    );
  }

  function narrow(wanted) {
    only = wanted;
    look();
  }

  function showAlerts(alerts) {
    const box = byId("insights-alerts");
    const opened = new Set([...box.querySelectorAll("details[open]")].map((one) => one.dataset.alert));
    const said = JSON.stringify(alerts) + locale();
    if (box.dataset.said === said) return; // an open list of examples stays as it is
    box.dataset.said = said;
    box.replaceChildren(...alerts.map((one, place) => {
      const item = stamp("alert-template");
      item.hidden = !all && place >= FEW && Boolean(one.closed_at);
      const [name, details] = [named(one.topic), item.querySelector("details")];
      item.classList.toggle("open", !one.closed_at);
      part(item, "name").textContent = name;
      part(item, "state").textContent = one.closed_at
        ? t("insightsOver", { when: between(one.opened_at, one.closed_at) })
        : t("insightsSince", { from: briefly(one.opened_at) });
      const high = one.source === "messages" ? "insightsHigh" : "insightsHighDocuments";
      part(item, "about").textContent = t(high, { n: one.count, usual: one.usual });
      part(item, "told").textContent = told(one.deliveries);
      part(item, "of").textContent = t("insightsExamplesOf", { name });
      details.dataset.alert = one.alert;
      details.ontoggle = () => details.open && showExamples(one.alert, part(item, "examples"));
      details.open = opened.has(one.alert);
      return item;
    }));
    byId("insights-more").hidden = !box.querySelector(":scope > [hidden]");
  }

  function showAll() {
    all = true;
    const [first, ...rest] = byId("insights-alerts").querySelectorAll(":scope > [hidden]");
    for (const item of [first, ...rest]) item.hidden = false;
    byId("insights-more").hidden = true;
    first.querySelector("summary").focus();
  }

  function told(deliveries) {
    const missing = deliveries.filter((one) => !one.told_at);
    if (!deliveries.length) return "";
    if (!missing.length) return t("insightsTold", { n: new Set(deliveries.map((one) => one.target)).size });
    const fault = missing.find((one) => one.fault)?.fault ?? t("insightsWaits");
    return t("insightsUntold", { n: new Set(missing.map((one) => one.target)).size, fault });
  }

  async function showExamples(alert, box) {
    try {
      const { examples } = await read(`/v1/insights/alerts/${encodeURIComponent(alert)}`);
      box.replaceChildren(...examples.map(({ customer, session, id, text }) => {
        const item = stamp("example-template");
        part(item, "who").textContent = customer ?? session;
        part(item, "text").textContent = text;
        const button = item.firstElementChild;
        if (customer === null) button.replaceWith(...button.childNodes);
        else button.onclick = () => open({ customer, session, message: id });
        return item;
      }));
      if (!examples.length) box.append(Object.assign(document.createElement("li"), { textContent: t("insightsGone") }));
    } catch (error) {
      if (error.status !== 401) explain(byId("insights-trouble"), error, () => showExamples(alert, box));
    }
  }

  section.querySelector("header > :last-child").before(byId("insights-choices"));
  byId("insights-plots").append(...Object.keys(PLOTS).map((name) => newPlot(`insights-plot-${name}`)));
  for (const name of ["source", "by"]) {
    for (const choice of section.querySelectorAll(`[name=insights-${name}]`)) {
      choice.checked = choice.value === chosen[name];
      choice.onchange = () => {
        chosen[name] = choice.value;
        kept("sessionStorage", "insights.by", chosen.by);
        [only, all] = [null, false];
        look();
      };
    }
  }
  byId("insights-more").onclick = showAll;
  byId("insights-only").querySelector("button").onclick = () => {
    narrow(null);
    byId("insights-title").focus();
  };
  addEventListener("visibilitychange", look);
  onSpeak(() => section.hidden || look());
  return { shown: look, hidden: look, clear: () => narrow(null) };
}
