/* Why something was recalled, in words: the service names the strategies that found it. */

import { t } from "/web/texts.js";
import { DAY, moment } from "/web/times.js";


// What a strategy says of a find, and how a person says it; null: that is left unsaid.
const REASONS = [
  [/^(?:lexical #\d+|words)(?: \((.+)\))?$/s, ([, words]) => (words ? t("whyWords", { words }) : null)],
  [/^(?:dense #\d+ \()?cosine (-?\d*\.?\d+)\)?$/, ([, cosine]) => t("whyMeaning", { n: Number(cosine) })],
  [/^dense #\d+$/, () => null],
  [/^context #\d+$/, () => t("whyNear")],
  [/^second hop #\d+$/, () => t("whyHop")],
  [/^title named \(.*\)$/, () => t("whyTitle")],
  [/^age × /, () => t("whyAge")],
  [/^fills (.+)$/s, ([, slots]) => t("whyFills", { slot: slots })],
  [/^put right by a person$/, () => t("whyPerson")],
  [/^replaces (.+) of (\d{4}-\d\d-\d\d)$/s, ([, value, day]) =>
    t("whyReplaces", { value, day: moment(day, { ...DAY, timeZone: "UTC" }) })],
  [/^outdated: (.+)$/s, ([, what]) => t("whyOutdated", { what })],
  [/^\d+ newer records searched by words only$/, () => t("whyByWordsOnly")],
];

/* A comma within parentheses parts no reasons. */
const parted = (why) => why.split(/; |, (?![^(]*\))/);

export function inWords(why) {
  const said = parted(why).map((one) => {
    for (const [form, words] of REASONS) {
      const found = one.match(form);
      if (found) return words(found);
    }
    return one; // of a strategy of somebody's own
  });
  return [...new Set(said.filter(Boolean))].join(" · ");
}
