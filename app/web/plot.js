/* Plots: bars and lines over time as SVG, with the same in words and in a table. */

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [600, 100]; // of the drawing, which is stretched to its place
const GAP = 0.25; // of a bar's place
const FEW = 0.5; // of the places of a line: as many points have dots

function shape(kind, attributes, ...inside) {
  const element = document.createElementNS(SVG, kind);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...inside);
  return element;
}

/* Draw series over time into a figure made from the plot template's parts.
 *
 * points are objects with their time in words as `when`; series are { name, mark, of }, where
 * of(point) is a number, or null where there is none; shown(number) is how one is written. Bars
 * stand on each other, lines go from point to point.
 */
export function draw(svg, { points, series, form, shown }) {
  const step = WIDTH / points.length;
  const sums = (point) => series.reduce((sum, one) => sum + (one.of(point) ?? 0), 0);
  const tops = (point) => Math.max(...series.map((one) => one.of(point) ?? 0));
  const most = Math.max(0, ...points.map(form === "bars" ? sums : tops));
  const high = (value) => (most ? (value / most) * HEIGHT : 0);
  const drawn = form === "bars" ? bars : lines;
  const hits = points.map((point, at) => {
    const said = series.map((one) => `${one.name} ${shown(one.of(point))}`).join(" · ");
    const title = shape("title", {}, `${point.when} · ${said}`);
    return shape("rect", { class: "hit", x: at * step, y: 0, width: step, height: HEIGHT }, title);
  });
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.replaceChildren(...drawn({ points, series, step, high }), ...hits);
  return most;
}

function bars({ points, series, step, high }) {
  return points.flatMap((point, at) => {
    let top = HEIGHT;
    return series.filter((one) => one.of(point)).map((one) => {
      const height = high(one.of(point));
      const place = { x: at * step + (step * GAP) / 2, width: step * (1 - GAP) };
      return shape("rect", { class: one.mark, ...place, y: (top -= height), height });
    });
  });
}

/* Where there is nothing in between, a fainter line leads on; what stands alone is a dot, and so is
 * each of a few.
 */
function lines({ points, series, step, high }) {
  return series.flatMap((one) => {
    const place = (at) => `${(at + 0.5) * step} ${HEIGHT - high(one.of(points[at]))}`;
    const there = [...points.keys()].filter((at) => one.of(points[at]) !== null);
    const joined = (at) => there.includes(at - 1);
    const few = there.length <= points.length * FEW;
    const alone = there.filter((at) => few || (!joined(at) && !there.includes(at + 1)));
    const line = there.map((at) => `${joined(at) ? "L" : "M"}${place(at)}`);
    const gaps = there.slice(1).map((at, before) => (joined(at) ? "" : `M${place(there[before])}L${place(at)}`));
    const dots = alone.map((at) => `M${place(at)}h0.01`); // as wide as its stroke, however it is stretched
    return [
      shape("path", { class: `${one.mark} gap`, d: gaps.join("") || "M0 0" }),
      shape("path", { class: one.mark, d: line.join("") || "M0 0" }),
      shape("path", { class: `${one.mark} dots`, d: dots.join("") || "M0 0" }),
    ];
  });
}
