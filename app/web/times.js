/* Times as people say them. */

import { locale } from "/web/texts.js";

export const CLOCK = { hour: "2-digit", minute: "2-digit" };
export const SHORT = { dateStyle: "medium", timeStyle: "short" };
export const LEAST = { dateStyle: "short", timeStyle: "short" }; // where there is little room
export const DAY = { dateStyle: "medium" };
const WHOLE = { dateStyle: "full", timeStyle: "long" };

export const moment = (at, form = SHORT) => new Date(at).toLocaleString(locale(), form);

/* As short as it can be said: today the time, this year without the year, else the day alone. */
export function briefly(at) {
  const [then, today] = [new Date(at), new Date()];
  if (then.toDateString() === today.toDateString()) return then.toLocaleTimeString(locale(), CLOCK);
  if (then.getFullYear() !== today.getFullYear()) return then.toLocaleDateString(locale(), DAY);
  return then.toLocaleString(locale(), { day: "numeric", month: "short", ...CLOCK });
}

/* From one time to another, with the day once where it is the same. */
export function between(from, to) {
  const form = new Intl.DateTimeFormat(locale(), { day: "numeric", month: "short", ...CLOCK });
  return form.formatRange(new Date(from), new Date(to));
}

/* Write a time into its element; the whole of it, with seconds and zone, is shown on hover. */
export function write(element, at, form = moment) {
  Object.assign(element, { dateTime: at, textContent: form(at), title: moment(at, WHOLE) });
}
