/* The chat page: a customer's sessions and the conversation.
 *
 * Whatever comes from the service is shown as text and never as markup.
 */

import { live, stopAnswer, wireAsking } from "/web/asking.js";
import { wireBilingual } from "/web/bilingual.js";
import { wireCard } from "/web/card.js";
import { wireChoices } from "/web/choices.js";
import { wireCustomers } from "/web/customers.js";
import { look, lookedAt, wireGiven } from "/web/given.js";
import { showHandover, wireHandover } from "/web/handover.js";
import { kept } from "/web/kept.js";
import { askForKey, heldKey, ownCustomer, takeKey, wireKey } from "/web/key.js";
import { whoSays } from "/web/message.js";
import { byId, explain, on, tell } from "/web/parts.js";
import {
  address, addressed, draft, here, isStored, keyOf, nameOf, newSession, place, sessionPath, sessionsPath,
} from "/web/place.js";
import { forgetNow } from "/web/remembered.js";
import { following, followSize, goTo, nearEnd, pointAt, toEnd } from "/web/scrolling.js";
import { asShown, isNew, renew, showSaying } from "/web/shown.js";
import { call, read, watchService } from "/web/service.js";
import { wireSessions } from "/web/sessions.js";
import { wireShortcuts } from "/web/shortcuts.js";
import { onSpeak, t } from "/web/texts.js";
import { turnsOf } from "/web/turn.js";
import { LEAST, SHORT } from "/web/times.js";
import { showMood } from "/web/understanding.js";
import { openMenu, wireViews } from "/web/views.js";

const PAGE = 50; // messages read at a time
const MOST = 1_000; // at once
const SOON = 1_000; // milliseconds until it is looked again for an answer that is under way
const EVERY = 3_000; // milliseconds between two looks for what was said meanwhile
const FURTHER = 500; // at a time, on the way to one that was said long ago
const TOLD = ["messages", "updated_at", "handed_over_at"]; // of a session in the list

const field = byId("message");
const narrow = matchMedia("(max-width: 479px)"); // little room for names
const scroll = byId("scroll");

let older = null; // the cursor of the messages before those shown
let next = null; // when it is looked for what was said meanwhile
let awaited = null; // when it is looked again for an answer
let shown = ""; // what was last read of the session, to tell whether anything is new
let elsewhere = false; // whether an answer is under way that was not asked for here, or before a reload
let state = ""; // of the session when that was read

const readSessions = () => read(`${sessionsPath()}?may_be_new=true`);

/* Read what a place needs and show it, unless the reader has gone elsewhere meanwhile. */
async function load(reading, show) {
  const mine = place.visit;
  byId("trouble").hidden = true;
  scroll.ariaBusy = "true";
  try {
    const found = await reading();
    if (mine === place.visit) await show(found);
  } catch (error) {
    if (mine !== place.visit || error.status === 401) return;
    explain(byId("trouble"), error, () => load(reading, show));
  } finally {
    if (mine === place.visit) scroll.ariaBusy = "false";
  }
}

// ---- the conversation
function showState(text = "") {
  const pressed = document.activeElement.closest("#composer, .turn > .problem");
  tell(byId("status"), text, live.has(here()));
  showButtons();
  if (pressed) field.focus(); // the button that had the focus may be gone
}

function showButtons() {
  const busy = live.has(here()) || elsewhere;
  byId("send").hidden = busy;
  byId("stop").hidden = !busy;
}

function stop() {
  const { customer, session } = place;
  if (live.has(here())) live.get(here()).stop();
  else if (elsewhere) stopAnswer({ customer, session }).then(() => readOn());
}

function openCustomer(name, wanted) {
  forgetNow();
  place.visit += 1;
  place.session = null;
  for (const drawer of ["side", "glance"]) byId(drawer).hidePopover();
  place.customer = byId("customer").value = name;
  place.sessions = []; // until they are read
  byId("title").textContent = wanted ? nameOf(wanted) : t("conversation");
  byId("subtitle").textContent = "";
  for (const one of ["turns", "sessions"]) byId(one).replaceChildren();
  byId("mood").hidden = true;
  showHandover();
  look(null);
  sessions.clear();
  return load(readSessions, (found) => {
    place.sessions = found.sessions;
    customers.opened();
    return showSession(wanted ?? place.sessions[0]?.session ?? newSession());
  });
}

/* Show a session that was chosen. */
function openSession(name) {
  byId("side").hidePopover();
  return showSession(name);
}

/* Show a session from its end; of another than the one shown, or of this one anew. */
function showSession(name) {
  forgetNow();
  place.visit += 1;
  place.session = name;
  elsewhere = false;
  state = "";
  const { customer, session } = place;
  kept("sessionStorage", "place", { customer, session });
  address();
  entitle();
  byId("turns").replaceChildren();
  field.value = draft(here())?.text ?? "";
  look(null);
  sessions.list();
  byId("mood").hidden = true;
  showHandover(place.sessions.find((one) => one.session === session)?.handed_over_at);
  if (isStored()) refreshSession();
  return load(() => (isStored() ? readMessages() : { messages: [], next: null }), showLatest);
}

function entitle() {
  byId("title").textContent = nameOf(place.session, narrow.matches ? LEAST : SHORT);
  byId("title").title = place.session;
  byId("subtitle").textContent = place.customer;
}

const readMessages = (before = "", limit = PAGE) =>
  read(`${sessionPath()}/messages?limit=${limit}${before}`);

const turnsHere = ({ messages }) =>
  turnsOf(messages, { customer: place.customer, session: place.session, told: showState });

function showLatest(page) {
  const running = live.get(here());
  const turns = turnsHere(page).filter((turn) => turn.id !== running?.id || !turn.id);
  if (running) turns.push(running);
  shown = JSON.stringify(page.messages);
  following(() => showTurns(turns, page.next), true);
  awaitAnswer(page);
  look(latest(turns));
}

const latest = (turns) => turns.findLast((turn) => turn.text && turn.reply) ?? null;

async function openEarlier(limit = PAGE) {
  const first = byId("turns").firstElementChild;
  const button = byId("earlier");
  if (document.activeElement === button) scroll.focus({ preventScroll: true }); // it is hidden
  button.hidden = true; // a second click would bring the same messages again
  const show = (page) => showTurns(turnsHere(page), page.next);
  await load(() => readMessages(`&before=${older}`, limit), show);
  if (first) goTo(first, "start");
}

function showTurns(turns, next) {
  byId("turns").prepend(...turns.map((turn) => turn.element));
  setEarlier(next);
  showState();
}

function setEarlier(next) {
  byId("earlier").hidden = next === null;
  older = next;
}

/* Write the conversation anew, as far as it is shown, where the reader is in it: what a correction
 * has taken out of it is shown no longer, and the page may speak another language.
 */
async function reread() {
  const told = [...byId("turns").querySelectorAll("article:not([hidden])")];
  const top = (element) => element.getBoundingClientRect().top;
  const seen = nearEnd() ? null : told.find((one) => one.dataset.id && top(one) > top(scroll));
  const from = seen && top(seen);
  byId("turns").replaceChildren();
  await load(() => readMessages("", Math.min(MOST, Math.max(PAGE, told.length))), showLatest);
  const again = seen && byId("turns").querySelector(`[data-id="${CSS.escape(seen.dataset.id)}"]`);
  if (again) scroll.scrollTop += top(again) - from;
}

/* Look again for an answer that is under way, and not from here: from another page, or from here
 * until a moment ago.
 */
function awaitAnswer({ messages }) {
  clearTimeout(awaited);
  elsewhere = messages.some((one) => one.status === "running") && !live.has(here());
  if (elsewhere) awaited = setTimeout(readOn, SOON);
  showButtons();
}

/* Show what was said meanwhile, by whoever writes in this session elsewhere; unless it is looked
 * anyway, the messages are read only where the session says that something has changed.
 */
async function readOn(anyway = true) {
  const mine = place.visit;
  const last = byId("turns").lastElementChild; // another one by then: what is read lacks it
  const passed = () =>
    mine !== place.visit || live.has(here()) || last !== byId("turns").lastElementChild;
  if (live.has(here()) || !isStored()) return;
  const now = await refreshSession();
  if (passed()) return;
  const { messages, updated_at: at, handed_over_at: handed } = now ?? {};
  const found = now ? JSON.stringify([messages, at]) : state;
  if (!anyway && !handed && found === state) return;
  const page = await readMessages().catch(() => null); // there will be another look
  if (!page || passed()) return;
  state = found;
  awaitAnswer(page);
  showSaying(now?.saying);
  if (JSON.stringify(page.messages) === shown) return;
  shown = JSON.stringify(page.messages);
  if (!asShown(page.messages)) showMeanwhile(page);
}

function showMeanwhile(page) {
  const last = page.messages.findLast((one) => one.role === "ai" && isNew(one));
  const focused = byId("turns").contains(document.activeElement);
  const top = nearEnd() ? null : scroll.scrollTop;
  const { now, whole } = renew(turnsHere(page));
  if (whole) setEarlier(page.next);
  if (top === null) toEnd();
  else scroll.scrollTop = top;
  if (focused && document.activeElement === document.body) scroll.focus({ preventScroll: true });
  if (!lookedAt()?.element.isConnected) look(latest(now));
  if (last) byId("announcer").textContent = t("said", { who: whoSays(last), text: last.text });
}

/* Look again and again, while somebody sees the conversation. */
async function keepUp() {
  clearTimeout(next);
  const seen = document.visibilityState === "visible" && !byId("page").hidden && !byId("door").open;
  if (seen && place.session !== null) await readOn(false);
  next = setTimeout(keepUp, EVERY);
}

/* Show a message in its session, wherever in it that is. */
async function jump({ session, message }) {
  for (const open of document.querySelectorAll(":popover-open")) open.hidePopover();
  const find = () => byId("turns").querySelector(`[data-id="${CSS.escape(message)}"]`);
  if (session !== place.session) await openSession(session);
  else if (!find()) await reread(); // what was said in this visit has its id then
  const { visit } = place;
  while (!find() && !byId("earlier").hidden && visit === place.visit) await openEarlier(FURTHER);
  if (visit !== place.visit) return;
  const found = find();
  if (!found) return showState(t("notThere"));
  pointAt(found);
  goTo(found, "center");
}

/* Show a customer's session, the latest if none is named, and a message in it if one is. */
async function openAt({ customer, session, message }) {
  await openCustomer(customer, session);
  if (message) jump({ session, message });
}

/* Go where the address says, after the browser's back and forward, and by a link. */
function follow() {
  const wanted = addressed();
  if (!wanted && place.session !== null) address();
  if (!wanted || !heldKey() || keyOf(wanted) === here()) return;
  const { customer, session } = wanted;
  if (customer === place.customer) openSession(session);
  else if (ownCustomer() === null) openCustomer(customer, session);
}

// ---- customers and sessions
async function refreshSessions(whose = place.customer) {
  const found = await readSessions().catch(() => null); // an old list will do
  if (!found || whose !== place.customer) return;
  place.sessions = found.sessions;
  if (place.session !== null) sessions.list(); // else the customer is being opened, and that lists them
}

/* Show the session's mood, who answers in it and how much was said; returns it, or null. */
async function refreshSession(mine = place.visit) {
  const found = await read(sessionPath()).catch(() => null); // what was told before will do
  if (!found || mine !== place.visit) return null;
  showMood(byId("mood"), found.mood);
  const listed = place.sessions.find((one) => one.session === found.session);
  if (listed && TOLD.some((name) => listed[name] !== found[name])) {
    for (const name of TOLD) listed[name] = found[name];
    sessions.list();
  }
  showHandover(found.handed_over_at);
  return found;
}

function deleteSession(name) {
  live.get(keyOf({ ...place, session: name }))?.stop();
  const next = name === place.session ? undefined : place.session;
  load(() => call("DELETE", sessionPath(name)), () => openCustomer(place.customer, next));
}

// ---- wiring
function start() {
  const before = addressed() ?? kept("sessionStorage", "place");
  const [latest] = kept("localStorage", "customers") ?? ["guest"];
  const own = ownCustomer();
  for (const forStaff of ["show-glance", "given", "customer-form", "subtitle"]) byId(forStaff).hidden = own !== null;
  const name = own ?? before?.customer ?? latest;
  if (heldKey()) {
    admit();
    openCustomer(name, name === before?.customer ? before.session : undefined);
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
  if (event.key === "Escape" && seen && !above) stop();
}

function chooseCustomer() {
  const name = byId("customer").value.trim();
  if (name && name !== place.customer) openCustomer(name);
}

const begin = () => openSession(newSession()).then(() => field.focus());

/* Open what may be a drawer, and go there. */
function enter(id, target) {
  const drawer = byId(id);
  if (drawer.hidden) return;
  if (getComputedStyle(drawer).display === "none") drawer.showPopover();
  byId(target).focus();
}

wireChoices();
const customers = wireCustomers(openCustomer);
const sessions = wireSessions({ open: openSession, jump, remove: deleteSession });

const submit = wireAsking({
  say: showState,
  look: refreshSession,
  readOn,
  stored: () => refreshSessions(),
  done: readOn,
});

on("composer", "submit", submit);
on("message", "input", () => draft(here(), { text: field.value, key: null }));
on("stop", "click", stop);
on("earlier", "click", () => openEarlier());
on("customer-form", "submit", chooseCustomer);
on("new-session", "click", begin);
field.addEventListener("keydown", onFieldKey);
addEventListener("keydown", onKey);
followSize();

wireCard({ jump, changed: reread });
wireGiven({ jump, changed: reread });
wireHandover({ look: readOn, say: showState });
wireBilingual();
const admit = wireViews({ open: openAt });
wireShortcuts({
  "/": () => enter("side", "search"),
  m: () => field.focus(),
  n: begin,
  c: () => byId("show-glance").hidden || enter("glance", "glance-title"),
  g: () => enter("given", "given-title"),
}, { v: openMenu });
onSpeak(() => {
  if (place.session === null) return;
  entitle();
  sessions.list();
  reread();
});
wireKey(start);
takeKey();
watchService();
start();
keepUp();
addEventListener("visibilitychange", keepUp);
addEventListener("hashchange", follow);
narrow.addEventListener("change", () => place.session !== null && entitle());
