/* What the service understands of a customer: a message's labels, and the mood over time. */

import { part, stamp } from "/web/parts.js";

const EDGE = 3; // so that the last point's dot is not cut

export const spoken = (name) => name.replaceAll("_", " ");

/* Show what each head says of a message below it; nothing if nobody has read it. */
export function showLabels(list, understanding) {
  const items = Object.entries(understanding ?? {}).map(([head, { label, confidence }]) => {
    const item = stamp("label-template");
    item.dataset.label = label ?? "";
    // Of what is in scope the label says enough; "out of scope" would not say of what.
    part(item, "head").className = label === null ? "" : "unseen";
    part(item, "head").textContent = `${spoken(head)}: `;
    part(item, "label").textContent = label === null ? "out of scope" : spoken(label);
    part(item, "sure").textContent = `${Math.round(confidence * 100)}%`;
    item.title = `${spoken(head)}, ${part(item, "sure").textContent} sure`;
    return item;
  });
  list.replaceChildren(...items);
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
