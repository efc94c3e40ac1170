/* What the service understands of a customer: a message's labels, and the mood over time. */

import { part, stamp } from "/web/parts.js";

const EDGE = 3; // so that the last point's dot is not cut

export const spoken = (name) => name.replaceAll("_", " ");

const percent = (confidence) => `${Math.round(confidence * 100)}%`;

function label(head, name, sure) {
  const item = stamp("label-template");
  part(item, "head").textContent = `${head}: `;
  part(item, "label").textContent = name;
  part(item, "sure").textContent = sure;
  item.dataset.label = name;
  item.title = `${head}, ${sure} sure`;
  return item;
}

/* The heads for which a message is out of scope, together: one by one they would be noise. */
function beyond(heads) {
  const named = heads.map(([head, { confidence }]) => `${spoken(head)} ${percent(confidence)}`);
  const item = label("out of scope", named.join(", "), "");
  part(item, "head").className = ""; // seen, since the rest does not say it
  item.className = "beyond";
  item.title = "None of the labels that are known";
  return item;
}

/* Show what each head says of a message below it; nothing if nobody has read it. */
export function showLabels(list, understanding) {
  const heads = Object.entries(understanding ?? {});
  const unknown = heads.filter(([, said]) => said.label === null);
  const known = heads.filter(([, said]) => said.label !== null);
  const items = known.map(([head, said]) =>
    label(spoken(head), spoken(said.label), percent(said.confidence)),
  );
  list.replaceChildren(...(unknown.length ? [beyond(unknown)] : []), ...items);
}

/* Show a mood in words, with a line of its points from -1 to 1; nothing if it is not known. */
export function showMood(box, mood) {
  box.hidden = !mood;
  if (!mood) return;
  box.dataset.label = mood.label;
  part(box, "mood").textContent = `${mood.label}, ${mood.trend}`;
  const line = box.querySelector("svg");
  const { width, height } = line.viewBox.baseVal;
  const step = (width - 2 * EDGE) / Math.max(1, mood.points.length - 1);
  const spots = mood.points.map(({ score }, at) => [
    width - EDGE - step * (mood.points.length - 1 - at),
    EDGE + ((1 - score) / 2) * (height - 2 * EDGE),
  ]);
  const [x, y] = spots.at(-1) ?? [0, 0];
  line.querySelector("polyline").setAttribute("points", spots.join(" "));
  line.querySelector("circle").setAttribute("cx", x);
  line.querySelector("circle").setAttribute("cy", y);
}
