/* The customer's sessions: listed, searched, and deleted. */

import { onRole, ownCustomer, tends } from "/web/key.js";
import { remembered, whoSays } from "/web/message.js";
import { byId, inFull, on, part, stamp } from "/web/parts.js";
import { customerPath, isStored, nameOf, place } from "/web/place.js";
import { call } from "/web/service.js";
import { onSpeak, t } from "/web/texts.js";
import { briefly, write } from "/web/times.js";

const SHOWN = 30; // sessions at a time
const PAUSE = 500; // milliseconds without a key before messages are searched
const LEAST = 2; // letters that are searched for
const TOKENS = 3000; // of messages that are found
const NEAR = 0.35; // the cosine from which on what has none of the words is close in meaning

/* The words of a query, and what finds them in a text. */
function wordsOf(query) {
  const words = query.toLocaleLowerCase().split(/[^\p{L}\p{N}]+/u).filter((word) => word.length > 1);
  const literal = words.map((word) => word.replace(/(?<=..)s$/, ""));
  return { words: literal, any: literal.length ? new RegExp(`(${literal.join("|")})`, "giu") : null };
}

/* Of what was recalled that which somebody who looks for these words means: what has all of them, or
 * else what has some, or is close in meaning.
 */
function fitting(recalled, { words, any }) {
  const has = ({ text }) => new Set(text.toLocaleLowerCase().match(any ?? /$^/g)).size;
  const whole = recalled.filter((one) => words.length && has(one) === new Set(words).size);
  if (whole.length) return whole;
  const near = ({ why }) => Number(why.match(/cosine (-?\d*\.?\d+)/)?.[1] ?? 0) >= NEAR;
  return recalled.filter((one) => has(one) || near(one));
}

/* A text with what was looked for marked in it. */
const marked = (text, { any }) =>
  (any ? text.split(any) : [text]).map((piece, at) =>
    at % 2 ? Object.assign(stamp("mark-template"), { textContent: piece }) : piece,
  );

/* Wire the list up; open(name) shows a session, jump() a message of one, and remove(name) deletes
 * a session. Returns what writes the list anew.
 */
export function wireSessions({ open, jump, remove }) {
  const field = byId("search");
  let most = SHOWN;
  let asked = 0; // moves with every search: an answer to an earlier one is dropped
  let timer = null;
  let told = () => {}; // tells again what was found

  // Whether the list had the focus last: a button that is made anew, or gone, leaves it to nobody.
  let held = false;
  for (const event of ["focusin", "pointerdown"])
    document.addEventListener(event, ({ target }) => (held = byId("sessions").contains(target)));
  const lost = () => held && document.activeElement === document.body;

  const sought = () => field.value.trim().toLocaleLowerCase();

  function list() {
    const buttons = () => [...byId("sessions").querySelectorAll("button:not([hidden])")];
    const focused = buttons().indexOf(document.activeElement);
    const { session, sessions } = place;
    const all = isStored() ? sessions : [{ session, messages: 0 }, ...sessions];
    const named = ({ session: name }) => `${name} ${nameOf(name)}`.toLocaleLowerCase().includes(sought());
    const shown = all.filter(named);
    byId("sessions").replaceChildren(...shown.slice(0, most).map(item));
    byId("more-sessions").hidden = shown.length <= most;
    if (focused >= 0 || lost()) (buttons()[focused] ?? buttons()[0] ?? field).focus();
  }

  function item({ session: name, messages, updated_at: at, handed_over_at: handed }) {
    const element = stamp("session-template");
    const [opener, remover] = element.querySelectorAll("button");
    part(element, "name").textContent = nameOf(name);
    opener.title = name;
    part(element, "count").textContent = t("messages", { n: messages });
    part(element, "handed").textContent = handed ? t("withPerson") : "";
    if (at) write(element.querySelector("time"), at, briefly);
    if (name === place.session) opener.setAttribute("aria-current", "true");
    opener.onclick = () => open(name);
    remover.setAttribute("aria-label", t("deleteSession", { name: nameOf(name) }));
    remover.hidden = !at || !tends();
    remover.onclick = () => askToDelete(name);
    return element;
  }

  function askToDelete(name) {
    const dialog = byId("delete");
    byId("delete-name").textContent = nameOf(name);
    dialog.onclose = () => {
      // The list may have been written anew meanwhile, or still be empty, and the button be gone that
      // had the focus: then it is the list's, as soon as that has one.
      held = true;
      if (document.activeElement === document.body) byId("sessions").querySelector("button")?.focus();
      if (dialog.returnValue === "delete") remove(name);
    };
    dialog.returnValue = "";
    dialog.showModal();
  }

  /* Sessions by their names at once; and, for staff, what was said in any of them. */
  async function search() {
    clearTimeout(timer);
    const mine = (asked += 1);
    const { customer } = place;
    if (ownCustomer() !== null || sought().length < LEAST) return;
    const body = { query: field.value.trim(), max_tokens: TOKENS };
    const ask = () => call("POST", `${customerPath()}/recall`, body).then((response) => response.json());
    const nothing = { recalled: [] }; // of whom nothing is stored, which the service would refuse
    const found = await (place.sessions.length ? ask() : Promise.resolve(nothing))
      .catch((error) => (error.status === 404 ? nothing : error));
    if (mine !== asked) return;
    if (found instanceof Error) {
      byId("search-status").textContent = t("searchFailed", { why: inFull(found) });
      return;
    }
    const words = wordsOf(body.query);
    const said = fitting(found.recalled, words).filter(({ messages, session }, at, all) =>
      session && all.findIndex((one) => one.messages[0] === messages[0]) === at,
    ); // a message once, though facts are taken from it
    told = () => {
      byId("found").replaceChildren(...said.map((one) => foundItem({ ...one, customer }, words)));
      const n = said.length + byId("sessions").childElementCount;
      byId("search-status").textContent = n ? t("foundCount", { n }) : t("nothingFound");
    };
    told();
  }

  function foundItem(one, words) {
    const element = stamp("found-template");
    part(element, "who").textContent = whoSays(one);
    part(element, "text").replaceChildren(...marked(remembered(one), words));
    part(element, "name").textContent = nameOf(one.session);
    write(element.querySelector("time"), one.at, briefly);
    element.querySelector("button").onclick = () => jump({ session: one.session, message: one.messages[0] });
    return element;
  }

  /* What was looked for of somebody else is not looked for any more. */
  function clear() {
    clearTimeout(timer);
    asked += 1;
    told = () => {};
    most = SHOWN;
    field.value = byId("search-status").textContent = "";
    byId("found").replaceChildren();
  }

  on("search", "input", () => {
    clearTimeout(timer);
    asked += 1;
    told = () => {};
    byId("search-status").textContent = "";
    byId("found").replaceChildren();
    list();
    timer = setTimeout(search, PAUSE);
  });
  on("search-form", "submit", search);
  on("more-sessions", "click", () => {
    const before = byId("sessions").childElementCount;
    most += SHOWN;
    list();
    byId("sessions").children[before]?.querySelector("button").focus();
  });
  onSpeak(() => told());
  onRole(() => {
    const text = ownCustomer() === null ? "search" : "searchOwn";
    field.dataset.tLabel = field.dataset.tPlaceholder = text;
    field.placeholder = field.ariaLabel = t(text);
    if (place.session !== null) list();
  });
  return { list, clear };
}
