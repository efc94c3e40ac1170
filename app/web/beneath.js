/* What stands beneath a message's text: the same in another language. */

import { part, stamp } from "/web/parts.js";

/* Write something beneath a message's text, of a kind; nothing takes it away. */
export function beneath(article, kind, text, lead, lang) {
  let line = article.querySelector(`.translated.${kind}`);
  if (!text) return line?.remove();
  if (!line) {
    line = stamp("translated-template");
    line.classList.add(kind);
    part(article, "text").after(line);
  }
  const [about, words] = [part(line, "lead"), part(line, "words")];
  if (about.textContent !== lead) about.textContent = lead;
  if (words.textContent !== text) Object.assign(words, { textContent: text, lang });
}
