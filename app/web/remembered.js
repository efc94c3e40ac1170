/* What a person changes of a memory, wherever it is shown: it is corrected in its place, and
 * forgotten after a while in which that can be undone; so is whatever else has a path.
 */

import { byId, explain, part, stamp, tell } from "/web/parts.js";
import { memoryPath } from "/web/place.js";
import { call } from "/web/service.js";
import { t } from "/web/texts.js";

const WHILE = 8_000; // milliseconds in which forgetting can be undone

const going = new Map(); // what is about to be forgotten, by its path, with what does so

/* Forget now what is about to be forgotten, before what is shown is asked for again. */
export const forgetNow = () => Promise.all([...going.values()].map((go) => go()));
addEventListener("pagehide", forgetNow);

/* Make the text of an item a field; save(said) is told what else was written there. */
export function correct(item, { value, what, most, save }) {
  const [text, choices] = [part(item, "text"), part(item, "choices")];
  const form = stamp("correction-template");
  const field = form.querySelector("textarea");
  Object.assign(field, { value, maxLength: most });
  field.setAttribute("aria-label", t("correctedValue", { what }));
  const close = () => {
    form.remove();
    text.hidden = choices.hidden = false;
    part(item, "correct").focus();
  };
  form.onsubmit = (event) => {
    event.preventDefault();
    const said = field.value.trim();
    if (said && said !== value) save(said);
    else close();
  };
  part(form, "cancel").onclick = close;
  field.onkeydown = (event) => {
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key !== "Escape" && (event.key !== "Enter" || event.shiftKey)) return;
    event.preventDefault(); // of Escape too, which would close the panel
    event.stopPropagation();
    if (event.key === "Escape") close();
    else form.requestSubmit();
  };
  text.hidden = choices.hidden = true;
  text.after(form);
  field.focus();
  field.select();
}

/* Change a memory of a panel, or forget it; its boxes tell what came of it.
 *
 * panel is what its boxes are called by; changed(focus) is told afterwards, with whether the focus
 * was in what is gone.
 */
export function changes(panel, changed) {
  /* Tell what came of it; unseen where it is to be read beside it already. */
  function status(text, seen = true) {
    const line = byId(`${panel}-status`);
    line.classList.toggle("unseen", !seen);
    tell(line, text);
  }

  const change = (id, body, said) => send(memoryPath(id), body, said);

  async function send(path, body, said) {
    byId(`${panel}-trouble`).hidden = true;
    try {
      await call(body ? "PUT" : "DELETE", path, body);
    } catch (error) {
      if (error.status !== 401) explain(byId(`${panel}-trouble`), error);
      return false;
    }
    status(said);
    return true;
  }

  function forget(item, { id, what, path = memoryPath(id) }) {
    const box = stamp("forgetting-template");
    part(box, "text").textContent = t("forgetting", { what });
    const undone = () => {
      clearTimeout(timer);
      going.delete(path);
      box.replaceWith(item);
      part(item, "forget").focus();
    };
    const go = async () => {
      clearTimeout(timer);
      if (!going.delete(path)) return;
      if (await send(path, undefined, t("forgotten"))) await changed(box.contains(document.activeElement));
      else undone();
    };
    const timer = setTimeout(go, WHILE);
    going.set(path, go);
    part(box, "undo").onclick = () => {
      undone();
      status(t("keptAfterAll"));
    };
    item.replaceWith(box);
    part(box, "undo").focus();
    status(part(box, "text").textContent, false);
  }

  return { change, forget, status };
}
