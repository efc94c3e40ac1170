/* What the reader chooses of the page itself: its language and its colours. In a drawer, where
 * sessions need the room, the choices are folded.
 */

import { kept } from "/web/kept.js";
import { byId } from "/web/parts.js";
import { fillPage, language, speak } from "/web/texts.js";

const beside = matchMedia("(min-width: 820px)"); // the conversation, and no drawer

const unfold = () => (byId("settings").open = beside.matches);

/* Colours are as the device has them, unless they were chosen. */
function paint(theme) {
  const { dataset } = document.documentElement;
  if (theme === "light" || theme === "dark") dataset.theme = theme;
  else delete dataset.theme;
  const ground = () => getComputedStyle(document.documentElement).backgroundColor;
  for (const meta of document.querySelectorAll("[name=theme-color]")) {
    meta.dataset.own ??= meta.content;
    meta.content = dataset.theme ? ground() : meta.dataset.own;
  }
}

/* Write the page in the reader's language and colours, and wire the two choices up. */
export function wireChoices() {
  const [languages, themes] = [byId("language"), byId("theme")];
  fillPage();
  languages.value = language;
  languages.onchange = () => speak(languages.value);
  themes.value = kept("localStorage", "theme") ?? "auto";
  themes.onchange = () => paint(kept("localStorage", "theme", themes.value) ?? themes.value);
  paint(themes.value);
  beside.onchange = unfold;
  unfold();
}
