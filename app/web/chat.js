/* The chat page: a customer's sessions, the conversation, and what the model was given.
 *
 * Whatever comes from the service is shown as text and never as markup. A message keeps its
 * idempotency key until it is answered, so that sending it again stores nothing twice.
 */

import { wireCard } from "/web/card.js";

const PAGE = 50; // messages read at a time
const RECENT = 5; // customers offered for a quick choice
const SHORT = { dateStyle: "medium", timeStyle: "short" };
const DAY = { dateStyle: "medium" };
const CLOCK = { hour: "2-digit", minute: "2-digit" };
const NAMED = /^(\d{4}-\d\d-\d\d \d\d:\d\d)(:\d\d)( \(\d+\))?$/; // see newSession
const NEAR_END = 80; // pixels from the end within which the view follows a growing answer

const byId = (id) => document.getElementById(id);
const part = (element, name) => element.querySelector(`[data-part="${name}"]`);
const stamp = (id) => byId(id).content.firstElementChild.cloneNode(true);
const field = byId("message");

let key = null;
let customer = null;
let session = null;
let sessions = []; // the customer's stored ones, newest first
let older = null; // the cursor of the messages before those shown
let selected = null; // the turn whose prompt the panel shows
let visit = 0; // moves with every change of place: a reply to an earlier one is dropped
const live = new Map(); // turns being answered, by place: they go on while another is shown

const placeOf = (where) => JSON.stringify([where.customer, where.session]);
const here = () => placeOf({ customer, session });

// ---- what the browser keeps
/* Keep a value, if one is given, and return what is kept. A browser may refuse to keep any. */
function kept(area, name, value) {
  try {
    if (value !== undefined) window[area].setItem(`memory.${name}`, JSON.stringify(value));
    return JSON.parse(window[area].getItem(`memory.${name}`));
  } catch {
    return null;
  }
}

function keepKey(value, onDevice) {
  key = value;
  kept("sessionStorage", "key", key);
  kept("localStorage", "key", onDevice ? key : null);
  byId("remember").checked = onDevice;
}

/* A key in the address is taken out of it, so that it stays in no history and no bookmark. */
function takeKey() {
  const given = new URLSearchParams(location.hash.slice(1).replaceAll("+", "%2B")).get("key");
  const onDevice = kept("localStorage", "key");
  if (given) history.replaceState(null, "", location.pathname + location.search);
  keepKey(given ?? kept("sessionStorage", "key") ?? onDevice, !given && onDevice !== null);
}

const draft = (place, value) => kept("sessionStorage", `draft ${place}`, value);

// ---- calls
const problem = (title, detail = "", status = 0, type = "") =>
  Object.assign(new Error(title), { detail, status, type });

async function call(method, path, body, signal) {
  const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
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

const read = async (path) => (await call("GET", path)).json();
const customerPath = () => `/v1/customers/${encodeURIComponent(customer)}`;
const sessionsPath = () => `${customerPath()}/sessions`;
const readSessions = () =>
  read(sessionsPath()).catch((error) => {
    if (error.status !== 404) throw error;
    return { sessions: [] }; // nothing was ever said by this customer
  });
const sessionPath = (name) => `${sessionsPath()}/${encodeURIComponent(name)}`;

/* The server-sent events of a response, as [name, data]; comments are passed over. */
async function* eventsOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split(/\r?\n\r?\n/);
    rest = blocks.pop();
    for (const block of blocks) {
      const name = block.match(/(?<=^event: ?)\w+/m);
      const data = block.match(/(?<=^data:).*/gm);
      if (name && data) yield [name[0], JSON.parse(data.join("\n"))];
    }
  }
}

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

function explain(box, error, again) {
  part(box, "title").textContent = error.message;
  part(box, "detail").textContent = error.detail;
  box.querySelector("button").hidden = !again;
  box.querySelector("button").onclick = again;
  box.hidden = false;
}

// ---- a turn
/* Fill in who said what, and when; return the element. */
function say(element, role, text, at) {
  const names = { human: customer, user: customer, system: "System", note: "Note by staff" };
  part(element, "who").textContent = names[role] ?? "Assistant";
  part(element, "text").textContent = text;
  if (at) showTime(element.querySelector("time"), at);
  element.hidden = false;
  return element;
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

/* As short as it can be said: today the time, this year without the year, else the day alone. */
function briefly(at) {
  const [then, today] = [new Date(at), new Date()];
  if (then.toDateString() === today.toDateString()) return then.toLocaleTimeString([], CLOCK);
  if (then.getFullYear() !== today.getFullYear()) return then.toLocaleDateString([], DAY);
  return then.toLocaleString([], { day: "numeric", month: "short", ...CLOCK });
}

function showTime(element, at) {
  element.dateTime = at;
  element.textContent = new Date(at).toLocaleString([], SHORT);
}

/* A question and its answer, as a list item of the conversation; its status is styled. */
class Turn {
  constructor(values) {
    Object.assign(this, { customer, session, given: null }, values);
    this.element = stamp("turn-template");
    for (const name of ["question", "answer", "problem"]) this[name] = part(this.element, name);
    this.look = this.element.querySelector(".look");
    this.look.onclick = () => look(this, true);
  }

  get reply() {
    return part(this.answer, "text").textContent;
  }

  begin() {
    const now = new Date().toISOString();
    say(this.question, "human", this.text, now);
    say(this.answer, "ai", "", now);
    this.settle("answering");
  }

  settle(status, reply = this.reply) {
    if (reply !== this.reply) part(this.answer, "text").textContent = reply;
    this.element.dataset.status = part(this.answer, "mark").textContent = status;
    const found = this.given ? `${this.given.recalled.length} recalled` : "Memory";
    part(this.look, "look").textContent = found;
    this.problem.hidden = true;
  }

  fail(error, again) {
    this.settle("failed");
    const broken = problem("The answer broke off.", "Your message is kept.");
    explain(this.problem, error.detail === undefined ? broken : error, again);
  }
}

/* The turns of stored messages; an answer whose question is on another page stands alone. */
function turnsOf(messages) {
  const turns = [];
  for (const { role, text, at, turn: id, status } of messages) {
    const asks = role === "human";
    if (asks || (turns.at(-1)?.reply ?? true)) turns.push(new Turn({ id, text: asks && text }));
    const turn = turns.at(-1);
    say(asks ? turn.question : turn.answer, role, text, at);
    turn.settle(status ?? "complete");
    if (asks && ["failed", "stopped"].includes(status)) turn.fail(problem("Not answered."));
  }
  return turns;
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
  return load(() => (stored ? readMessages() : { messages: [], next: null }), showLatest);
}

const readMessages = (before = "") =>
  read(`${sessionPath(session)}/messages?limit=${PAGE}${before}`);

function showLatest(page) {
  const running = live.get(here());
  const turns = turnsOf(page.messages).filter((turn) => turn.id !== running?.id || !turn.id);
  if (running) turns.push(running);
  following(() => showTurns(turns, page.next), true);
  look(turns.findLast((turn) => turn.text && turn.reply) ?? null);
}

function openEarlier() {
  const first = byId("turns").firstElementChild;
  byId("earlier").hidden = true; // a second click would bring the same messages again
  const show = (page) => showTurns(turnsOf(page.messages), page.next);
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
  const turn = new Turn({ text, key: (waiting?.text === text && waiting.key) || newKey() });
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
  else byId("announcer").textContent = `Assistant: ${turn.reply}`;
  if (!turn.stored && place === here()) field.value ||= turn.text;
  live.delete(place);
  show(stopped ? "Stopped. What was said so far is kept." : "");
  if (place === here()) look(turn);
  if (turn.stored) refreshSessions();
}

/* Where the answer will stand: after what was said meanwhile. */
function askAgain(turn) {
  if (turn.element.nextElementSibling) {
    byId("turns").append(turn.element);
    field.focus(); // what is moved loses it
  }
  ask(turn);
}

/* What the model is about to be given. Asked for before the turn, since the turn changes it. */
async function layOut({ customer, session, text }, signal) {
  return (await call("POST", "/v1/prompt", { customer, session, message: text }, signal)).json();
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
    if (name === "token") following(() => part(turn.answer, "text").append(data.text));
    else Object.assign(turn.given ?? {}, data);
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
  const buttons = others.slice(0, RECENT - 1).map((name) => {
    const onclick = () => openCustomer(name);
    return Object.assign(stamp("customer-template"), { textContent: name, title: name, onclick });
  });
  byId("recent").replaceChildren(...buttons);
}

async function refreshSessions(whose = customer) {
  const found = await readSessions().catch(() => null); // an old list will do
  if (!found || whose !== customer) return;
  sessions = found.sessions;
  listSessions();
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
  remove.hidden = !at;
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

// ---- what the model was given
/* Show a turn's prompt; for a turn of an earlier visit, as it would be laid out now. */
async function look(turn, open = false) {
  const about = byId("given-about");
  selected?.look.setAttribute("aria-pressed", "false");
  selected = turn;
  turn?.look.setAttribute("aria-pressed", "true");
  byId("given-parts").hidden = true;
  about.textContent = turn ? "" : "What the next answer is made from will be shown here.";
  if (open && getComputedStyle(byId("given")).display === "none") byId("given").showPopover();
  const given = turn && (turn.given ?? (await layOut(turn).catch((error) => error)));
  if (!given || selected !== turn) return;
  if (given instanceof Error) about.textContent = `${given.message} ${given.detail}`;
  else showGiven(given, turn.given ? "As it was sent" : "As it would be sent now");
}

function showGiven({ messages, recalled, knowledge, summary, tokens, usage }, when) {
  const frame = messages.filter((one, at) => one.role === "system" || at === messages.length - 1);
  const recent = messages.filter((one) => !frame.includes(one));
  byId("given-about").textContent = `${when}: ${usage?.input_tokens ?? tokens} tokens.`;
  byId("summary").textContent = summary;
  fill("recalled", recalled.map((record) => card(record.role, record.text, record)));
  fill("knowledge", knowledge.map(passage));
  fill("window", recent.map((one) => card(one.role, one.content)));
  fill("frame", frame.map((one) => card(one.role, one.content)));
  byId("given-parts").hidden = false;
}

function fill(name, cards) {
  byId(name).replaceChildren(...cards);
  byId(`${name}-count`).textContent = cards.length;
}

function card(role, text, { at, score, why } = {}) {
  const item = say(stamp("card-template"), role, text, at);
  part(item, "score").textContent = score === undefined ? "" : `score ${score.toPrecision(3)}`;
  part(item, "why").textContent = why ?? "";
  return item;
}

/* A passage of an article, by the number that the answer cites it by. */
function passage(found) {
  const item = card("article", found.text, found);
  part(item, "who").textContent = `[${found.number}] ${found.title || found.source}`;
  return item;
}

// ---- the key, and the service's state
function askForKey(why) {
  byId("door-problem").textContent = why;
  if (!byId("door").open) byId("door").showModal();
}

function enter() {
  keepKey(byId("key").value, byId("keep").checked);
  byId("door").close();
  start();
}

function leave() {
  keepKey(null, false);
  location.reload();
}

async function watchService() {
  const response = await fetch("/readyz").catch(() => null);
  const state = await response?.json().catch(() => null);
  const ready = response?.ok ?? false;
  const said = ready ? `Ready · ${state.model}` : (state?.problems?.join(" ") ?? "Not ready yet");
  byId("service").textContent = said;
  byId("service").dataset.ready = ready;
  if (!ready) setTimeout(watchService, 3000);
}

function start() {
  const place = kept("sessionStorage", "place");
  const [latest] = kept("localStorage", "customers") ?? ["guest"];
  if (key) openCustomer(place?.customer ?? latest, place?.session);
  else askForKey("");
}

// ---- wiring
/* The Enter that ends a composition (Chinese, Japanese, ...) chooses a word and sends nothing. */
function onFieldKey(event) {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  submit();
}

function onKey(event) {
  const above = document.querySelector("dialog[open], :popover-open"); // Escape is theirs
  if (event.key === "Escape" && !above) live.get(here())?.stop();
}

function chooseCustomer() {
  const name = byId("customer").value.trim();
  if (name && name !== customer) openCustomer(name);
}

function on(id, type, action) {
  byId(id).addEventListener(type, (event) => {
    if (type === "submit" || type === "cancel") event.preventDefault();
    action();
  });
}

on("composer", "submit", submit);
on("message", "input", () => draft(here(), { text: field.value, key: null }));
on("stop", "click", () => live.get(here())?.stop());
on("earlier", "click", openEarlier);
on("customer-form", "submit", chooseCustomer);
on("customer", "change", chooseCustomer);
on("new-session", "click", () => openSession(newSession()).then(() => field.focus()));
on("remember", "change", () => keepKey(key, byId("remember").checked));
on("door-form", "submit", enter);
on("door", "cancel", () => {});
on("leave", "click", leave);
field.addEventListener("keydown", onFieldKey);
addEventListener("keydown", onKey);
addEventListener("hashchange", () => location.hash.startsWith("#key=") && location.reload());

/* What a correction has taken out of the conversation is shown no longer. */
function reread() {
  byId("turns").replaceChildren();
  load(readMessages, showLatest);
}

wireCard({ where: customerPath, call, explain, changed: reread, nameOf });
takeKey();
watchService();
start();
