/* The service: how it is asked, what it answers, and whether it is ready. */

import { askForKey, heldKey, ownCustomer } from "/web/key.js";
import { byId } from "/web/parts.js";
import { locale, onSpeak, sentence, t } from "/web/texts.js";

const SOON = 3_000; // milliseconds until a service that is not ready is asked again
const EVERY = 30_000; // and one that is

let watched = null; // when it is asked again

export const problem = (title, detail = "", status = 0, type = "") =>
  Object.assign(new Error(title), { detail, status, type });

/* Ask for something; a refusal is thrown as the problem that the service says it is. */
export async function call(method, path, body, signal) {
  const headers = {
    Authorization: `Bearer ${heldKey()}`, "Content-Type": "application/json",
    "Accept-Language": locale(),
  };
  // What is deleted goes also if the page is left meanwhile.
  const keepalive = method === "DELETE";
  const sent = { method, headers, signal, keepalive, body: body && JSON.stringify(body) };
  const response = await fetch(path, sent).catch(() => {
    if (!signal?.aborted) watchService();
    throw problem(t("notReached"), t("checkThatItRuns"));
  });
  if (response.ok) return response;
  if (response.status === 401) askForKey(t("notAccepted"));
  const said = await response.json().catch(() => ({}));
  const { title = t("error", { status: String(response.status) }), detail = "", type } = said;
  const wait = response.headers.get("Retry-After");
  const told = wait ? t("retryIn", { detail: sentence(detail), n: Number(wait) }) : detail;
  throw problem(title, told, response.status, type);
}

export const read = async (path) => (await call("GET", path)).json();

/* What the model is about to be given for a turn's message; nothing is stored. */
export async function layOut({ customer, session, text }, signal) {
  if (ownCustomer() !== null) throw problem(t("forStaff"));
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

/* Show the service's state, again and again while the page is seen: soon if it is not ready. */
export async function watchService() {
  clearTimeout(watched);
  const asked = { headers: { "Accept-Language": locale() } };
  const response = await fetch("/readyz", asked).catch(() => null);
  const state = await response?.json().catch(() => null);
  const ready = response?.ok ?? false;
  const model = state?.model;
  const known = ownCustomer() === null ? t("ready", { model }) : ""; // what answers is for staff
  const said = ready ? known : (state?.problems?.join(" ") ?? t(response ? "notReady" : "notReached"));
  if (byId("service").textContent !== said) byId("service").textContent = said;
  byId("service").dataset.ready = ready;
  clearTimeout(watched);
  watched = setTimeout(watchAgain, ready ? EVERY : SOON);
}

const watchAgain = () => document.visibilityState === "visible" && watchService();
addEventListener("visibilitychange", watchAgain);

onSpeak(watchService);
