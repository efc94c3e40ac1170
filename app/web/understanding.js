/* What the service understands of a customer: a message's labels, and the mood over time. */

import { part, stamp } from "/web/parts.js";
import { labelled, locale, onSpeak, t } from "/web/texts.js";

const EDGE = 3; // so that the last point's dot is not cut
const SURE = 0.5; // a label below it is more likely wrong than right

// What the service itself calls by these names; other labels are its owner's.
const OURS = "intent topic sentiment positive neutral negative rising steady falling".split(" ");

export const spoken = (name) => (OURS.includes(name) ? t(name) : labelled(name));

const share = (confidence) =>
  confidence.toLocaleString(locale(), { style: "percent", maximumFractionDigits: 0 });

function label(head, name, shown, sure) {
  const item = stamp("label-template");
  part(item, "head").textContent = t("head", { head });
  part(item, "label").textContent = shown;
  part(item, "sure").textContent = sure;
  item.dataset.label = name;
  item.title = t("sure", { head, share: sure });
  return item;
}

/* The heads for which a message is out of scope, together: one by one they would be noise. */
function beyond(heads) {
  const named = heads.map(([head, { confidence }]) => `${spoken(head)} ${share(confidence)}`);
  const item = label(t("outOfScope"), "", named.join(t("comma")), "");
  part(item, "head").className = ""; // seen, since the rest does not say it
  item.className = "beyond";
  item.title = t("noLabel");
  return item;
}

/* Show what each head says of a message below it; nothing if nobody has read it. */
export function showLabels(list, understanding) {
  const heads = Object.entries(understanding ?? {});
  const unknown = heads.filter(([, said]) => said.label === null);
  const labelled = heads.filter(([, said]) => said.label !== null);
  const items = labelled.map(([head, said]) => {
    const unsure = said.confidence < SURE;
    const shown = unsure ? t("perhaps", { label: spoken(said.label) }) : spoken(said.label);
    const item = label(spoken(head), said.label, shown, share(said.confidence));
    item.classList.toggle("unsure", unsure);
    return item;
  });
  list.replaceChildren(...(unknown.length ? [beyond(unknown)] : []), ...items);
}

export const moodInWords = ({ label, trend }) => t("mood", { label: spoken(label), trend: spoken(trend) });

const shown = new Map(); // moods, by the boxes that show them
onSpeak(() => shown.forEach((mood, box) => showMood(box, mood)));

/* Show a mood in words, with a line of its points from -1 to 1; nothing if it is not known. */
export function showMood(box, mood) {
  shown.set(box, mood);
  box.hidden = !mood;
  if (!mood) return;
  box.dataset.label = mood.label;
  part(box, "mood").textContent = moodInWords(mood);
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
