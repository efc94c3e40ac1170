/* Asking: a message is sent, its answer comes word by word, and what breaks off is asked again.
 *
 * A message keeps its idempotency key until it is answered, so that sending it again stores
 * nothing twice.
 */

import { inTheirs } from "/web/bilingual.js";
import { look } from "/web/given.js";
import { inPerson } from "/web/handover.js";
import { tends } from "/web/key.js";
import { byId, explain } from "/web/parts.js";
import { draft, here, isStored, keyOf, place, sessionPath } from "/web/place.js";
import { lookAtQueue } from "/web/queue.js";
import { following, toEnd } from "/web/scrolling.js";
import { call, eventsOf, layOut, problem } from "/web/service.js";
import { t } from "/web/texts.js";
import { Turn } from "/web/turn.js";

const SOON = 300; // milliseconds until it is said that a message waits
const PATIENCE = 2_000; // milliseconds that a message waits until it is known who answers

export const live = new Map(); // turns being answered, by place: they go on while another is shown

/* randomUUID is missing where the page comes over plain HTTP from another machine. */
const newKey = () => crypto.getRandomValues(new Uint32Array(4)).join("-");

/* Have a turn answered; stored() is told when its message is. */
async function answer(turn, signal, stored) {
  turn.given ??= await layOut(turn, signal).catch(() => null); // a chat must not fail for it
  const { customer, session, text: message } = turn;
  const send = () => {
    // It goes on when the page is left, or loaded anew.
    const body = { customer, session, message, stream: true, detached: true, idempotency_key: turn.key };
    return call("POST", "/v1/chat", body, signal);
  };
  const response = await send().catch((error) => {
    if (error.type !== "urn:problem:turn-passed") throw error;
    turn.element.dataset.key = turn.key = newKey(); // it is a message of its own, said now
    turn.leave();
    return send();
  });
  turn.stored = true;
  draft(keyOf(turn), null);
  stored();
  for await (const [name, data] of eventsOf(response)) {
    if (name === "error") throw problem(data.title, data.detail, data.status);
    if (name === "token") {
      following(() => turn.answers(turn.reply + data.text));
      continue;
    }
    Object.assign(turn.given ?? {}, data);
    following(() => turn.know(data));
    if (name === "recalled") turn.id = data.turn;
    if (name === "done") return following(() => turn.settle(data.status, data.reply));
  }
  throw new Error("neither done nor error");
}

/* Stop what is being answered in a session; what was said of it is kept. */
export const stopAnswer = ({ customer, session }) => {
  const names = [customer, session].map(encodeURIComponent);
  return call("DELETE", `/v1/customers/${names[0]}/sessions/${names[1]}/answer`).catch(() => null);
};

/* Wire the message's field to the service.
 *
 * say(text) tells what came of it, look() looks who answers in the session, readOn() shows what was
 * said meanwhile, stored() is told that a message is stored, and done() that its turn has ended in
 * the session that is shown. Returns what sends the field's text.
 */
export function wireAsking({ say: showState, look: lookWho, readOn, stored, done }) {
  const field = byId("message");
  let looking = false;

  /* Send the field's text; staff in whose name the field says, if that is so yet. */
  async function submit() {
    const text = field.value;
    if (!text.trim() || looking) return;
    if (place.session === null) return showState(t("looking")); // the customer is being opened
    if (!inPerson() && live.has(here())) return showState(t("waitFirst"));
    const [where, before] = [here(), inPerson()];
    looking = tends() && isStored();
    if (looking) await soon(lookWho());
    looking = false;
    if (where !== here() || field.value !== text) return;
    if (before !== inPerson()) return showState(t(before ? "assistantAgain" : "personNow"));
    if (before) return answerAsPerson(text);
    begin(text);
  }

  /* Wait for what is looked up, though not for long, and say so if it takes a while. */
  async function soon(found) {
    const where = here();
    const slow = setTimeout(() => where === here() && showState(t("sending")), SOON);
    await Promise.race([found, new Promise((over) => setTimeout(over, PATIENCE))]);
    clearTimeout(slow);
    if (where === here()) showState();
  }

  function begin(text) {
    const waiting = draft(here());
    const key = (waiting?.text === text && waiting.key) || newKey();
    const { customer, session } = place;
    const turn = new Turn({ customer, session, text, key, told: showState });
    byId("turns").querySelector(`[data-key="${turn.key}"]`)?.remove();
    turn.element.dataset.key = turn.key;
    byId("turns").append(turn.element);
    ask(turn);
  }

  /* What the person at the desk answers, in a session that was handed over. */
  async function answerAsPerson(text) {
    const where = here();
    const body = await inTheirs(text).catch((error) => error);
    if (body === null || where !== here() || field.value !== text) return;
    field.value = "";
    const path = `${sessionPath()}/replies`;
    const failed = body instanceof Error ? body : await call("POST", path, body).catch((error) => error);
    if (!(failed instanceof Error)) draft(where, null);
    if (where !== here()) return;
    if (failed instanceof Error) {
      field.value ||= text;
      if (failed.status !== 401) explain(byId("trouble"), failed);
      return;
    }
    byId("trouble").hidden = true;
    lookAtQueue();
    toEnd();
    await readOn();
    showState(t("sent"));
  }

  async function ask(turn) {
    const where = keyOf(turn);
    const stopping = new AbortController();
    const show = (text) => where === here() && showState(text);
    live.set(where, Object.assign(turn, { stop: () => stopping.abort() }));
    if (!turn.stored) draft(where, { text: turn.text, key: turn.key });
    if (field.value === turn.text) field.value = "";
    following(() => turn.begin(), true);
    show(t("answering"));
    const failed = await answer(turn, stopping.signal, stored).catch((error) => error);
    const stopped = failed && stopping.signal.aborted;
    if (stopped && turn.id) await stopAnswer(turn);
    if (stopped) following(() => turn.settle("stopped"));
    else if (failed) following(() => turn.fail(failed, () => askAgain(turn)));
    else if (turn.reply) {
      byId("announcer").textContent = t("said", { who: t("assistant"), text: `${turn.reply} ${turn.basis}` });
    }
    if (!turn.stored && where === here()) field.value ||= turn.text;
    live.delete(where);
    show(stopped ? t("stoppedKept") : "");
    if (where === here()) look(turn);
    if (turn.stored) stored();
    if (turn.stored && where === here()) done();
  }

  /* Where the answer will stand: after what was said meanwhile. */
  function askAgain(turn) {
    if (turn.element.nextElementSibling) {
      byId("turns").append(turn.element);
      field.focus(); // what is moved loses it
    }
    ask(turn);
  }

  return submit;
}
