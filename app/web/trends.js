/* What is plotted of how it goes, each with its numbers as a table. */

import { byId, part, stamp } from "/web/parts.js";
import { draw } from "/web/plot.js";
import { CLOCK, moment } from "/web/times.js";

export const SPANS = {
  minute: { last: "the last hour", by: "by minute", form: CLOCK },
  hour: { last: "the last day", by: "by hour", form: { weekday: "short", ...CLOCK } },
  // Days are the world's, not the reader's, and so are their names.
  day: { last: "the last 30 days", by: "by day (UTC)", form: { day: "numeric", month: "short", timeZone: "UTC" } },
};

export const number = (value) => (value ?? 0).toLocaleString();
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
export function span(ms) {
  if (ms === null) return "–";
  if (ms < 1_000) return `${ms}\u00a0ms`;
  if (ms < 120_000) return `${(ms / 1_000).toPrecision(ms < 10_000 ? 2 : 3)}\u00a0s`;
  const minutes = Math.round(ms / 60_000);
  if (minutes < 120) return `${minutes}\u00a0min`;
  return minutes < 2_880 ? `${Math.round(minutes / 60)}\u00a0h` : `${Math.round(minutes / 1_440)}\u00a0days`;
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

function show(name, { points, by: step }) {
  const element = byId(`plot-${name}`);
  const { title, series, form, shown } = PLOTS[name];
  const { last, by, form: clock } = SPANS[step];
  const timed = points.map((point) => ({ ...point, when: moment(point.at, clock) }));
  const svg = element.querySelector("svg");
  const most = draw(svg, { points: timed, series, form, shown });
  svg.setAttribute("aria-label", `${title}, ${last}, ${by}: at most ${shown(most)}. The numbers are below.`);
  element.querySelector(".top").textContent = most ? `at most ${shown(most)}` : "Nothing in this time";
  part(element, "begin").textContent = timed[0].when;
  table(element.querySelector("table"), timed, PLOTS[name]);
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
  element.tHead.replaceChildren(row(["Time", ...names].map((name) => cell("th", name, { scope: "col" }))));
  element.tBodies[0].replaceChildren(...rows.map((point) =>
    row([cell("th", point.when, { scope: "row" }), ...series.map((one) => cell("td", shown(one.of(point))))]),
  ));
}

/* Put the plots into a box, with nothing in them yet. */
export const addTrends = (box) => box.append(...Object.entries(PLOTS).map(newPlot));

/* Draw them as it goes now. */
export function showTrends(found) {
  for (const name of Object.keys(PLOTS)) show(name, found);
}
