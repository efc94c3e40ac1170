/* Why something was recalled, in words: the service names the strategies that found it. */

import { known, listed, t } from "/web/texts.js";
import { DAY, moment } from "/web/times.js";

const LETTERS = "[\\p{L}\\p{N}]";

const slotOf = (name) =>
  known(name.replaceAll(" ", "_").replaceAll("-", ""), name.replaceAll("_", " ")).toLocaleLowerCase();

/* Words are searched for by their stems; in a text a stem is a word's beginning. */
function whole(stem, text) {
  for (const start of [stem, stem.replace(/i$/, "y")]) {
    const literal = start.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
    const [word] = text.match(new RegExp(`(?<!${LETTERS})${literal}${LETTERS}*`, "iu")) ?? [];
    if (word) return word.toLocaleLowerCase();
  }
  return stem;
}

const words = (stems, text) =>
  [...new Set(stems.split(", ").map((stem) => whole(stem, text)))].join(t("comma"));

// What a strategy says of a find, and how a person says it; null: that is left unsaid.
const REASONS = [
  [/^(?:lexical #\d+|words)(?: \((.+)\))?$/s, ([, stems], text) =>
    stems ? t("whyWords", { words: words(stems, text) }) : null],
  [/^(?:dense #\d+ \()?cosine (-?\d*\.?\d+)\)?$/, ([, cosine]) => t("whyMeaning", { n: Number(cosine) })],
  [/^dense #\d+$/, () => null],
  [/^context #\d+$/, () => t("whyNear")],
  [/^in the part of the talk that bears on it$/, () => t("whyNear")],
  [/^second hop #\d+(?: \((.+)\))?$/s, ([, stems], text) =>
    stems ? t("whyHopWords", { words: words(stems, text) }) : t("whyHop")],
  [/^among what is nearest$/, () => t("whyBest")],
  [/^said by (.+)$/s, ([, who]) => t("whySaidBy", { who })],
  [/^title named \(.*\)$/, () => t("whyTitle")],
  [/^age × /, () => t("whyAge")],
  [/^fills (\{.+\})$/, ([, slots]) =>
    t("whyFills", { slot: listed([...slots.matchAll(/\{(\w+)\}/g)].map(([, slot]) => slotOf(slot))) })],
  [/^put right by a person$/, () => t("whyPerson")],
  [/^replaces (.+) of (\d{4}-\d\d-\d\d)$/s, ([, value, day]) =>
    t("whyReplaces", { value, day: moment(day, { ...DAY, timeZone: "UTC" }) })],
  [/^outdated: (.+?) is now (.+)$/s, ([, slot, value]) => t("whyOutdated", { slot: slotOf(slot), value })],
  [/^outdated: (.+) no longer holds$/, ([, slot]) => t("whyGone", { slot: slotOf(slot) })],
  [/^\d+ newer records searched by words only$/, () => t("whyByWordsOnly")],
];

/* What follows the strategies quotes values, in which a comma or a semicolon parts no reasons; nor
 * does a comma within parentheses.
 */
function parted(why) {
  const [found, ...then] = why.split(/; (?=replaces |outdated: |put right by a person|\d+ newer records )/);
  return [...found.split(/, (?![^(]*\))/), ...then];
}

/* The reasons for which a text was found. */
export function inWords(why, text = "") {
  const said = parted(why).map((one) => {
    for (const [form, told] of REASONS) {
      const found = one.match(form);
      if (found) return told(found, text);
    }
    return one; // of a strategy of somebody's own
  });
  return [...new Set(said.filter(Boolean))].join(" · ");
}
