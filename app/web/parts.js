/* The page's parts: found by their id, in an element by their name, or made from a template. */

export const byId = (id) => document.getElementById(id);
export const part = (element, name) => element.querySelector(`[data-part="${name}"]`);
export const stamp = (id) => byId(id).content.firstElementChild.cloneNode(true);

export function on(id, type, action) {
  byId(id).addEventListener(type, (event) => {
    if (type === "submit" || type === "cancel") event.preventDefault();
    action(event);
  });
}

/* Say in a box what went wrong, with a button if it can be tried again. */
export function explain(box, error, again) {
  part(box, "title").textContent = error.message;
  part(box, "detail").textContent = error.detail;
  box.querySelector("button").hidden = !again;
  box.querySelector("button").onclick = again;
  box.hidden = false;
}
