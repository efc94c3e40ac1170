/* What is plotted of how it goes, each with its numbers as a table. */

import { byId } from "/web/parts.js";
import { newPlot, plot } from "/web/plots.js";
import { number, t } from "/web/texts.js";
import { CLOCK } from "/web/times.js";

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

function show(name, { points, by: step }) {
  const { last, by, form: clock } = SPANS[step];
  plot(byId(`plot-${name}`), { ...PLOTS[name], points, clock, within: t(last), by: t(by) });
}

/* Put the plots into a box, with nothing in them yet. */
export const addTrends = (box) => box.append(...Object.keys(PLOTS).map((name) => newPlot(`plot-${name}`)));

/* Draw them as it goes now. */
export function showTrends(found) {
  for (const name of Object.keys(PLOTS)) show(name, found);
}
