/* Plots with their words and their numbers: each is the plot template, filled. */

import { part, stamp } from "/web/parts.js";
import { draw } from "/web/plot.js";
import { t } from "/web/texts.js";
import { moment } from "/web/times.js";

export function newPlot(id) {
  const element = stamp("plot-template");
  element.id = id;
  return element;
}

/* The words around a plot; they are written anew with it, in the reader's language. */
function entitle(element, title, series) {
  part(element, "title").textContent = title;
  part(element, "of").textContent = t("ofPlot", { title });
  element.querySelector(".table").setAttribute("aria-label", t("plotTable", { title }));
  const marks = [...series, { name: "", mark: "top" }];
  element.querySelector(".legend").replaceChildren(...marks.map(({ name, mark: className }) =>
    Object.assign(stamp("legend-template"), { textContent: name, className }),
  ));
}

/* Fill a plot: points have their time as `at`, which clock says how to write; within and by are
 * the time that is shown and the length of a point, in words; title, and the series' names, are
 * those of texts.
 */
export function plot(element, { title: titled, series: named, points, form, shown, clock, within, by }) {
  const title = t(titled);
  const series = named.map((one) => ({ ...one, name: t(one.name) }));
  entitle(element, title, series);
  const timed = points.map((point) => ({ ...point, when: moment(point.at, clock) }));
  const svg = element.querySelector("svg");
  const most = draw(svg, { points: timed, series, form, shown });
  const said = { title, within, by, most: shown(most) };
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
