/* The chat page: a customer's sessions and the conversation.
 *
 * Whatever comes from the service is shown as text and never as markup. A message keeps its
 * idempotency key until it is answered, so that sending it again stores nothing twice.
 */

import { wireCard } from "/web/card.js";
import { look } from "/web/given.js";
import { kept } from "/web/kept.js";
import { askForKey, heldKey, ownCustomer, takeKey, wireKey } from "/web/key.js";
import { wireOperator } from "/web/operator.js";
import { byId, explain, on, part, stamp } from "/web/parts.js";
import { call, eventsOf, layOut, problem, read, watchService } from "/web/service.js";
import { SHORT, briefly } from "/web/times.js";
import { Turn, turnsOf } from "/web/turn.js";
import { showMood } from "/web/understanding.js";

const PAGE = 50; // messages read at a time
const RECENT = 5; // customers that are remembered for a quick choice
const OFFERED = 8; // customers offered, with others who were heard last
const NAMED = /^(\d{4}-\d\d-\d\d \d\d:\d\d)(:\d\d)( \(\d+\))?$/; // see newSession
const NEAR_END = 80; // pixels from the end within which the view follows a growing answer

const field = byId("message");

let customer = null;
let session = null;
let sessions = []; // the customer's stored ones, newest first
let heard = []; // customers that the service knows, the last heard first
let older = null; // the cursor of the messages before those shown
let visit = 0; // moves with every change of place: a reply to an earlier one is dropped
const live = new Map(); // turns being answered, by place: they go on while another is shown

const placeOf = (where) => JSON.stringify([where.customer, where.session]);
const here = () => placeOf({ customer, session });
const draft = (place, value) => kept("sessionStorage", `draft ${place}`, value);

const customerPath = () => `/v1/customers/${encodeURIComponent(customer)}`;
const sessionsPath = () => `${customerPath()}/sessions`;
const readSessions = () =>
  read(sessionsPath()).catch((error) => {
    if (error.status !== 404) throw error;
    return { sessions: [] }; // nothing was ever said by this customer
  });
const sessionPath = (name) => `${sessionsPath()}/${encodeURIComponent(name)}`;

/* Read what a place needs and show it, unless the reader has gone elsewhere meanwhile. */
async function load(reading, show) {
  const mine = visit;
  byId("trouble").hidden = true;
  try {
    const found = await reading();
    if (mine === visit) await show(found);
  } catch (error) {
    if (mine !== visit || error.status === 401) return;
    explain(byId("trouble"), error, () => load(reading, show));
  }
}

/* A session that was named by its time, as people write it; to the second if another one's
 * minute is the same. */
function nameOf(name) {
  const [, minute, seconds, again = ""] = name.match(NAMED) ?? [];
  const at = new Date(`${minute?.replace(" ", "T")}${seconds}`);
  if (Number.isNaN(at.valueOf())) return name;
  const others = [session, ...sessions.map((one) => one.session)].filter((one) => one !== name);
  const shared = others.some((one) => one?.startsWith(minute));
  return at.toLocaleString([], shared ? { ...SHORT, timeStyle: "medium" } : SHORT) + again;
}

// ---- the conversation
/* Change the conversation and stay at its end, if that is where the reader is. */
function following(change, always = false) {
  const scroll = byId("scroll");
  const near = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR_END;
  change();
  if (near || always) scroll.scrollTop = scroll.scrollHeight;
}

function showState(text = "") {
  const pressed = document.activeElement.closest("#composer, .problem");
  byId("status").textContent = text;
  byId("send").hidden = live.has(here());
  byId("stop").hidden = !live.has(here());
  if (pressed) field.focus(); // the button that had the focus may be gone
}

function openCustomer(name, wanted) {
  visit += 1;
  session = null;
  byId("glance").hidePopover();
  customer = byId("customer").value = name;
  byId("turns").replaceChildren();
  return load(readSessions, (found) => {
    sessions = found.sessions;
    rememberCustomer();
    return openSession(wanted ?? sessions[0]?.session ?? newSession());
  });
}

function openSession(name) {
  visit += 1;
  session = name;
  kept("sessionStorage", "place", { customer, session });
  byId("title").textContent = nameOf(session);
  byId("title").title = session;
  byId("subtitle").textContent = customer;
  byId("turns").replaceChildren();
  byId("side").hidePopover();
  field.value = draft(here())?.text ?? "";
  look(null);
  listSessions();
  const stored = sessions.some((one) => one.session === session);
  byId("mood").hidden = true;
  if (stored) refreshMood();
  return load(() => (stored ? readMessages() : { messages: [], next: null }), showLatest);
}

const readMessages = (before = "") =>
  read(`${sessionPath(session)}/messages?limit=${PAGE}${before}`);

function showLatest(page) {
  const running = live.get(here());
  const stored = turnsOf(page.messages, { customer, session });
  const turns = stored.filter((turn) => turn.id !== running?.id || !turn.id);
  if (running) turns.push(running);
  following(() => showTurns(turns, page.next), true);
  look(turns.findLast((turn) => turn.text && turn.reply) ?? null);
}

function openEarlier() {
  const first = byId("turns").firstElementChild;
  byId("earlier").hidden = true; // a second click would bring the same messages again
  const show = (page) => showTurns(turnsOf(page.messages, { customer, session }), page.next);
  load(() => readMessages(`&before=${older}`), show).then(() => first.scrollIntoView());
}

function showTurns(turns, next) {
  byId("turns").prepend(...turns.map((turn) => turn.element));
  byId("earlier").hidden = next === null;
  older = next;
  showState();
}

// ---- asking
/* randomUUID is missing where the page comes over plain HTTP from another machine. */
const newKey = () => crypto.getRandomValues(new Uint32Array(4)).join("-");

function submit() {
  const text = field.value;
  const waiting = draft(here());
  if (!text.trim() || session === null) return;
  if (live.has(here())) return showState("Wait for the answer, or stop it first.");
  const key = (waiting?.text === text && waiting.key) || newKey();
  const turn = new Turn({ customer, session, text, key });
  byId("turns").querySelector(`[data-key="${turn.key}"]`)?.remove();
  turn.element.dataset.key = turn.key;
  byId("turns").append(turn.element);
  ask(turn);
}

async function ask(turn) {
  const place = placeOf(turn);
  const stopping = new AbortController();
  const show = (text) => place === here() && showState(text);
  live.set(place, Object.assign(turn, { stop: () => stopping.abort(), stored: false }));
  draft(place, { text: turn.text, key: turn.key });
  if (field.value === turn.text) field.value = "";
  following(() => turn.begin(), true);
  show("Answering…");
  const failed = await answer(turn, stopping.signal).catch((error) => error);
  const stopped = failed && stopping.signal.aborted;
  if (stopped) following(() => turn.settle("stopped"));
  else if (failed) following(() => turn.fail(failed, () => askAgain(turn)));
  else byId("announcer").textContent = `Assistant: ${turn.reply} ${turn.basis}`;
  if (!turn.stored && place === here()) field.value ||= turn.text;
  live.delete(place);
  show(stopped ? "Stopped. What was said so far is kept." : "");
  if (place === here()) look(turn);
  if (turn.stored) refreshSessions();
  if (turn.stored && place === here()) refreshMood();
}

/* Where the answer will stand: after what was said meanwhile. */
function askAgain(turn) {
  if (turn.element.nextElementSibling) {
    byId("turns").append(turn.element);
    field.focus(); // what is moved loses it
  }
  ask(turn);
}

async function answer(turn, signal) {
  turn.given ??= await layOut(turn, signal).catch(() => null); // a chat must not fail for it
  const { customer, session, text: message } = turn;
  const send = () => {
    const body = { customer, session, message, stream: true, idempotency_key: turn.key };
    return call("POST", "/v1/chat", body, signal);
  };
  const response = await send().catch((error) => {
    if (error.type !== "urn:problem:turn-passed") throw error;
    turn.element.dataset.key = turn.key = newKey(); // it is a message of its own, said now
    return send();
  });
  turn.stored = true;
  draft(placeOf(turn), null);
  refreshSessions();
  for await (const [name, data] of eventsOf(response)) {
    if (name === "error") throw problem(data.title, data.detail, data.status);
    if (name === "token") {
      following(() => part(turn.answer, "text").append(data.text));
      continue;
    }
    Object.assign(turn.given ?? {}, data);
    following(() => turn.know(data));
    if (name === "recalled") turn.id = data.turn;
    if (name === "done") return following(() => turn.settle(data.status, data.reply));
  }
  throw new Error("neither done nor error");
}

// ---- customers and sessions
function newSession() {
  const now = new Date().toLocaleString("sv"); // 2026-01-31 09:05:00
  return now === session ? `${now} (2)` : now;
}

function rememberCustomer() {
  const others = (kept("localStorage", "customers") ?? []).filter((name) => name !== customer);
  kept("localStorage", "customers", [customer, ...others].slice(0, RECENT));
  offerCustomers();
}

/* Those chosen here before, then others that there are. */
function offerCustomers() {
  const known = new Set([...(kept("localStorage", "customers") ?? []), ...heard]);
  known.delete(customer);
  const buttons = [...known].slice(0, OFFERED).map((name) => {
    const onclick = () => openCustomer(name);
    return Object.assign(stamp("customer-template"), { textContent: name, title: name, onclick });
  });
  byId("recent").replaceChildren(...buttons);
}

/* A key that may not ask who there is gets the recent ones only. */
async function hearCustomers() {
  const found = await read(`/v1/customers?limit=${OFFERED + RECENT}`).catch(() => null);
  heard = found?.customers.map((one) => one.customer) ?? [];
  offerCustomers();
}

async function refreshSessions(whose = customer) {
  const found = await readSessions().catch(() => null); // an old list will do
  if (!found || whose !== customer) return;
  sessions = found.sessions;
  if (session !== null) listSessions(); // else the customer is being opened, and that lists them
}

async function refreshMood(mine = visit) {
  const found = await read(sessionPath(session)).catch(() => null); // an old mood will do
  if (found && mine === visit) showMood(byId("mood"), found.mood);
}

function listSessions() {
  const buttons = () => [...byId("sessions").querySelectorAll("button:not([hidden])")];
  const focused = buttons().indexOf(document.activeElement);
  const known = sessions.some((one) => one.session === session);
  const shown = known ? sessions : [{ session, messages: 0 }, ...sessions];
  byId("sessions").replaceChildren(...shown.map(sessionItem));
  if (focused >= 0) (buttons()[focused] ?? buttons()[0]).focus();
}

function sessionItem({ session: name, messages, updated_at: at }) {
  const item = stamp("session-template");
  const [open, remove] = item.querySelectorAll("button");
  part(item, "name").textContent = nameOf(name);
  open.title = name;
  part(item, "count").textContent = messages === 1 ? "1 message" : `${messages} messages`;
  if (at) {
    const time = item.querySelector("time");
    Object.assign(time, { dateTime: at, textContent: briefly(at) });
  }
  if (name === session) open.setAttribute("aria-current", "true");
  open.onclick = () => openSession(name);
  remove.setAttribute("aria-label", `Delete session ${nameOf(name)}`);
  remove.hidden = !at || ownCustomer() !== null;
  remove.onclick = () => askToDelete(name);
  return item;
}

function askToDelete(name) {
  const dialog = byId("delete");
  byId("delete-name").textContent = nameOf(name);
  dialog.onclose = () => dialog.returnValue === "delete" && deleteSession(name);
  dialog.returnValue = "";
  dialog.showModal();
}

function deleteSession(name) {
  live.get(placeOf({ customer, session: name }))?.stop();
  const next = name === session ? undefined : session;
  load(() => call("DELETE", sessionPath(name)), () => openCustomer(customer, next));
}

// ---- wiring
function start() {
  const place = kept("sessionStorage", "place");
  const [latest] = kept("localStorage", "customers") ?? ["guest"];
  const own = ownCustomer();
  byId("customer").readOnly = own !== null;
  for (const forStaff of ["show-glance", "given", "recent"]) byId(forStaff).hidden = own !== null;
  const name = own ?? place?.customer ?? latest;
  if (heldKey()) {
    admit();
    if (own === null) hearCustomers();
    openCustomer(name, name === place?.customer ? place.session : undefined);
  } else askForKey("");
}

/* The Enter that ends a composition (Chinese, Japanese, ...) chooses a word and sends nothing. */
function onFieldKey(event) {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  submit();
}

function onKey(event) {
  const above = document.querySelector("dialog[open], :popover-open"); // Escape is theirs
  const seen = !byId("page").hidden;
  if (event.key === "Escape" && seen && !above) live.get(here())?.stop();
}

function chooseCustomer() {
  const name = byId("customer").value.trim();
  if (name && name !== customer) openCustomer(name);
}

on("composer", "submit", submit);
on("message", "input", () => draft(here(), { text: field.value, key: null }));
on("stop", "click", () => live.get(here())?.stop());
on("earlier", "click", openEarlier);
on("customer-form", "submit", chooseCustomer);
on("customer", "change", chooseCustomer);
on("new-session", "click", () => openSession(newSession()).then(() => field.focus()));
field.addEventListener("keydown", onFieldKey);
addEventListener("keydown", onKey);

/* What a correction has taken out of the conversation is shown no longer. */
function reread() {
  byId("turns").replaceChildren();
  load(readMessages, showLatest);
}

wireCard({ where: customerPath, changed: reread, nameOf });
const admit = wireOperator({ open: openCustomer, nameOf });
wireKey(start);
takeKey();
watchService();
start();
