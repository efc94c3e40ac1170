/* The service: how it is asked, what it answers, and whether it is ready. */

import { askForKey, heldKey, ownCustomer } from "/web/key.js";
import { byId } from "/web/parts.js";

export const problem = (title, detail = "", status = 0, type = "") =>
  Object.assign(new Error(title), { detail, status, type });

/* Ask for something; a refusal is thrown as the problem that the service says it is. */
export async function call(method, path, body, signal) {
  const headers = { Authorization: `Bearer ${heldKey()}`, "Content-Type": "application/json" };
  const sent = { method, headers, signal, body: body && JSON.stringify(body) };
  const response = await fetch(path, sent).catch(() => {
    throw problem("The service was not reached.", "Check that it runs, then try again.");
  });
  if (response.ok) return response;
  if (response.status === 401) askForKey("This key was not accepted.");
  const said = await response.json().catch(() => ({}));
  const { title = `Error ${response.status}`, detail = "", type } = said;
  const wait = response.headers.get("Retry-After");
  const told = wait ? `${detail} Try again in ${wait}\u00a0s.` : detail;
  throw problem(title, told, response.status, type);
}

export const read = async (path) => (await call("GET", path)).json();

/* What the model is about to be given for a turn's message; nothing is stored. */
export async function layOut({ customer, session, text }, signal) {
  if (ownCustomer() !== null) throw problem("This is for staff.");
  return (await call("POST", "/v1/prompt", { customer, session, message: text }, signal)).json();
}

/* The server-sent events of a response, as [name, data]; comments are passed over. */
export async function* eventsOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split(/\r?\n\r?\n/);
    rest = blocks.pop();
    for (const block of blocks) {
      // Not by "." and "^", which take U+2028 in a text for the end of a line.
      const lines = block.split(/\r?\n/);
      const field = (name) =>
        lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1));
      const [name] = field("event");
      const data = field("data");
      if (name && data.length) yield [name.trim(), JSON.parse(data.join("\n"))];
    }
  }
}

/* Show the service's state, again and again until it is ready. */
export async function watchService() {
  const response = await fetch("/readyz").catch(() => null);
  const state = await response?.json().catch(() => null);
  const ready = response?.ok ?? false;
  const said = ready ? `Ready · ${state.model}` : (state?.problems?.join(" ") ?? "Not ready yet");
  byId("service").textContent = said;
  byId("service").dataset.ready = ready;
  if (!ready) setTimeout(watchService, 3000);
}
