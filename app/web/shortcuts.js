/* Single keys, for who goes without a pointer; they work where no text is being written. */

import { kept } from "/web/kept.js";
import { byId, on } from "/web/parts.js";

const WRITES = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]";

/* Wire the keys up: actions by the key, in the conversation and anywhere; each is told nothing. */
export function wireShortcuts(actions, anywhere) {
  const box = byId("keys-on");
  const help = () => byId("keys").showModal();
  box.checked = kept("localStorage", "keys") ?? true;
  on("keys-on", "change", () => kept("localStorage", "keys", box.checked));
  on("show-keys", "click", help);
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || event.defaultPrevented) return;
    if (event.target.closest?.(WRITES) || document.querySelector("dialog[open]")) return;
    const wanted = { "?": help, ...anywhere, ...(byId("page").hidden ? {} : actions) };
    const action = wanted[event.key.toLowerCase()];
    if (!action || !box.checked) return;
    event.preventDefault();
    action();
  });
}
