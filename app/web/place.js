/* Where the reader is: a customer and a session, and what they are called. */

import { kept } from "/web/kept.js";
import { SHORT } from "/web/times.js";
import { locale } from "/web/texts.js";

const NAMED = /^(\d{4}-\d\d-\d\d \d\d:\d\d)(:\d\d)( \(\d+\))?$/; // see newSession

// visit moves with every change of place: a reply to an earlier one is dropped. sessions are the
// customer's stored ones, newest first.
export const place = { customer: null, session: null, sessions: [], visit: 0 };

const HOME = "#conversation"; // where the address names a place: #conversation/CUSTOMER/SESSION
export const VIEW = /^#(?!conversation$|message$)[a-z]+$/; // where it names another view

export const keyOf = ({ customer, session }) => JSON.stringify([customer, session]);
export const here = () => keyOf(place);
export const draft = (where, value) => kept("sessionStorage", `draft ${where}`, value);

export const customerPath = () => `/v1/customers/${encodeURIComponent(place.customer)}`;
export const sessionsPath = () => `${customerPath()}/sessions`;
export const sessionPath = (name = place.session) => `${sessionsPath()}/${encodeURIComponent(name)}`;
export const memoryPath = (id) => `${customerPath()}/memories/${encodeURIComponent(id)}`;
export const isStored = (name = place.session) => place.sessions.some((one) => one.session === name);

/* The place that the address names, if it names one. */
export function addressed() {
  const [home, ...names] = location.hash.split("/");
  if (home !== HOME || names.length !== 2 || !names.every(Boolean)) return null;
  try {
    const [customer, session] = names.map(decodeURIComponent);
    return { customer, session };
  } catch {
    return null; // it was cut off within a letter
  }
}

/* Let the address name the place, so that it is in the history, and a link to it can be sent; not
 * where it names another view.
 */
export function address() {
  const names = [place.customer, place.session].map(encodeURIComponent);
  const wanted = [HOME, ...names].join("/");
  if (location.hash === wanted) return;
  if (addressed()) history.pushState(null, "", wanted);
  else if (!VIEW.test(location.hash)) history.replaceState(null, "", wanted);
}

/* A session's name as it stands within a line: whichever way it is read, the rest is not turned. */
export const inLine = (name) => `\u2068${nameOf(name)}\u2069`;

export function newSession() {
  const now = new Date().toLocaleString("sv"); // 2026-01-31 09:05:00
  return now === place.session ? `${now} (2)` : now;
}

/* A session that was named by its time, as people write it, in a form of a time or as is usual; to the
 * second if another one's minute is the same.
 */
export function nameOf(name, form = SHORT) {
  const [, minute, seconds, again = ""] = name.match(NAMED) ?? [];
  const at = new Date(`${minute?.replace(" ", "T")}${seconds}`);
  if (Number.isNaN(at.valueOf())) return name;
  const others = [place.session, ...place.sessions.map((one) => one.session)].filter((one) => one !== name);
  const shared = others.some((one) => one?.startsWith(minute));
  return at.toLocaleString(locale(), shared ? { ...form, timeStyle: "medium" } : form) + again;
}
