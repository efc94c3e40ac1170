/* Times as people say them. */

export const CLOCK = { hour: "2-digit", minute: "2-digit" };
export const SHORT = { dateStyle: "medium", timeStyle: "short" };
export const DAY = { dateStyle: "medium" };

export const moment = (at, form = SHORT) => new Date(at).toLocaleString([], form);

/* As short as it can be said: today the time, this year without the year, else the day alone. */
export function briefly(at) {
  const [then, today] = [new Date(at), new Date()];
  if (then.toDateString() === today.toDateString()) return then.toLocaleTimeString([], CLOCK);
  if (then.getFullYear() !== today.getFullYear()) return then.toLocaleDateString([], DAY);
  return then.toLocaleString([], { day: "numeric", month: "short", ...CLOCK });
}
