/* What is plotted of how it goes, each with its numbers as a table. */

import { byId, part, stamp } from "/web/parts.js";
import { draw } from "/web/plot.js";
import { number, t } from "/web/texts.js";
import { CLOCK, moment } from "/web/times.js";

export const SPANS = {
  minute: { last: "withinMinute", by: "byMinute", form: CLOCK },
  hour: { last: "withinHour", by: "byHour", form: { weekday: "short", ...CLOCK } },
  // Days are the world's, not the reader's, and so are their names.
  day: { last: "withinDay", by: "byDay", form: { day: "numeric", month: "short", timeZone: "UTC" } },
};

const latency = (name) => [
  { name: "median", mark: "half", of: (point) => point[name].p50 },
  { name: "percentile95", mark: "most", of: (point) => point[name].p95 },
];
const PLOTS = {
  turns: {
    title: "turns", form: "bars", shown: number, series: [
      { name: "answered", mark: "good", of: ({ answered }) => answered },
      { name: "stopped", mark: "fair", of: ({ stopped }) => stopped },
      { name: "failed", mark: "bad", of: ({ failed }) => failed },
    ],
  },
  first: { title: "plotFirst", form: "lines", shown: span, series: latency("first_token") },
  answer: { title: "plotAnswer", form: "lines", shown: span, series: latency("answer") },
  undone: {
    title: "plotUndone", form: "bars", shown: number, series: [
      { name: "failed", mark: "bad", of: ({ requests_failed: failed }) => failed },
      { name: "refused", mark: "fair", of: ({ requests_refused: refused }) => refused },
    ],
  },
};

/* Milliseconds as people say them. */
export function span(ms) {
  if (ms === null) return "–";
  if (ms < 1_000) return t("ms", { n: ms });
  if (ms < 120_000) return t("seconds", { n: (ms / 1_000).toPrecision(ms < 10_000 ? 2 : 3) });
  const minutes = Math.round(ms / 60_000);
  if (minutes < 120) return t("minutes", { n: minutes });
  if (minutes < 2_880) return t("hours", { n: Math.round(minutes / 60) });
  return t("days", { n: Math.round(minutes / 1_440) });
}

function newPlot(name) {
  const element = stamp("plot-template");
  element.id = `plot-${name}`;
  return element;
}

/* The words around a plot; they are written anew with it, in the reader's language. */
function entitle(element, { title, series }) {
  part(element, "title").textContent = t(title);
  part(element, "of").textContent = t("ofPlot", { title: t(title) });
  element.querySelector(".table").setAttribute("aria-label", t("plotTable", { title: t(title) }));
  const marks = [...series, { name: null, mark: "top" }];
  element.querySelector(".legend").replaceChildren(...marks.map(({ name, mark: className }) =>
    Object.assign(stamp("legend-template"), { textContent: name ? t(name) : "", className }),
  ));
}

function show(name, { points, by: step }) {
  const element = byId(`plot-${name}`);
  const { form, shown } = PLOTS[name];
  const [title, series] = [t(PLOTS[name].title), PLOTS[name].series.map((one) => ({ ...one, name: t(one.name) }))];
  const { last, by, form: clock } = SPANS[step];
  entitle(element, PLOTS[name]);
  const timed = points.map((point) => ({ ...point, when: moment(point.at, clock) }));
  const svg = element.querySelector("svg");
  const most = draw(svg, { points: timed, series, form, shown });
  const said = { title, within: t(last), by: t(by), most: shown(most) };
  svg.setAttribute("aria-label", t("plotSaid", said));
  element.querySelector(".top").textContent = t(most ? "plotMost" : "plotNothing", said);
  part(element, "begin").textContent = timed[0].when;
  table(element.querySelector("table"), timed, { series, shown });
}

/* The same as a table, the last first; times in which there was nothing are left out. */
function table(element, points, { series, shown }) {
  const cell = (kind, textContent, scope = {}) => Object.assign(document.createElement(kind), { textContent, ...scope });
  const row = (cells) => {
    const element = document.createElement("tr");
    element.append(...cells);
    return element;
  };
  const names = series.map((one) => one.name);
  const rows = points.toReversed().filter((point) => series.some((one) => one.of(point)));
  element.tHead.replaceChildren(row([t("time"), ...names].map((name) => cell("th", name, { scope: "col" }))));
  element.tBodies[0].replaceChildren(...rows.map((point) =>
    row([cell("th", point.when, { scope: "row" }), ...series.map((one) => cell("td", shown(one.of(point))))]),
  ));
}

/* Put the plots into a box, with nothing in them yet. */
export const addTrends = (box) => box.append(...Object.keys(PLOTS).map(newPlot));

/* Draw them as it goes now. */
export function showTrends(found) {
  for (const name of Object.keys(PLOTS)) show(name, found);
}
