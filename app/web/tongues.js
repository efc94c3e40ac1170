/* Languages to choose from, called as the reader calls them. */

import { locale } from "/web/texts.js";

const TAGS = ["ar", "de", "en", "es", "fr", "hi", "it", "ja", "ko", "nl", "pl", "pt", "ru", "tr", "vi", "zh"];

export const tongue = (tag) => new Intl.DisplayNames([locale()], { type: "language" }).of(tag);

/* The common ones and some more, as options in the order of their names. */
export function tongues(more = [], tags = TAGS) {
  const named = [...new Set([...tags, ...more])].map((tag) => [tongue(tag), tag]);
  return named.sort(([one], [other]) => one.localeCompare(other, locale())).map(([name, tag]) => new Option(name, tag));
}
