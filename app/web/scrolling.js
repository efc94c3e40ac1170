/* Where the reader is: who is at the conversation's end stays there, whatever grows or becomes
 * narrower; and where a link leads to is pointed at.
 */

import { byId } from "/web/parts.js";

const NEAR_END = 80; // pixels from the end within which the view follows what grows
const POINTED = 6_000; // milliseconds that it is seen where a link has led

const scroll = byId("scroll");

let atEnd = true; // whether the reader is at the conversation's end

export const nearEnd = () => scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR_END;
const measured = () => `${scroll.clientWidth} ${scroll.clientHeight} ${scroll.scrollHeight}`;

export function toEnd() {
  atEnd = true;
  scroll.scrollTop = scroll.scrollHeight;
}

/* Go to a part of the conversation, to its start or centre, and stay there. Only the conversation
 * is scrolled: scrollIntoView would move the whole page where that can be moved.
 */
export function goTo(element, block) {
  const [box, view] = [element.getBoundingClientRect(), scroll.getBoundingClientRect()];
  const above = block === "center" ? Math.max(0, (view.height - box.height) / 2) : 0;
  scroll.scrollTop += box.top - view.top - above;
  atEnd = nearEnd();
}

/* Point at what a link leads to, and put the focus there; it is scrolled to by whoever calls. */
export function pointAt(element) {
  for (const before of document.querySelectorAll(".pointed")) before.classList.remove("pointed");
  element.classList.add("pointed");
  setTimeout(() => element.classList.remove("pointed"), POINTED);
  element.tabIndex = -1;
  element.focus({ preventScroll: true });
}

/* Change the conversation and stay at its end, if that is where the reader is. */
export function following(change, always = false) {
  const near = nearEnd();
  change();
  if (near || always) toEnd();
}

/* What opens beside the conversation makes it narrower, and so longer; what the browser scrolls
 * for that is not the reader's doing.
 */
export function followSize() {
  let size = "";
  scroll.addEventListener("scroll", () => {
    if (size === measured()) atEnd = nearEnd();
  });
  const observer = new ResizeObserver(() => {
    size = measured();
    if (atEnd) toEnd();
  });
  for (const box of [scroll, scroll.firstElementChild]) observer.observe(box);
}
