/* Who waits for a person: asked for again and again by who may answer as one, so that their number
 * is seen wherever they are in the page, and in the tab's title.
 */

import { heldKey, onRole, staff } from "/web/key.js";
import { read } from "/web/service.js";

const EVERY = 10_000; // milliseconds between two looks
const HIDDEN = 30_000; // while another tab is looked at
const MOST = 200; // sessions

const told = new EventTarget();

const NOTHING = { found: null, error: null, at: null };

let state = NOTHING;
let key = null; // that was carried when it was told: another one may be another tenant's
let asked = 0; // moves with every look: an answer to an earlier one is dropped
let timer = null;

/* What was found last, when, and what went wrong since. */
export const queued = () => state;

/* Call something whenever it is told anew. */
export const onQueue = (again) => told.addEventListener("change", again);

/* How many wait; null where that is not known. */
export const waiting = () => state.found?.sessions.filter(({ why }) => why !== "held").length ?? null;

export async function lookAtQueue() {
  clearTimeout(timer);
  const mine = (asked += 1);
  const may = staff();
  if (!may || key !== heldKey()) tell(NOTHING);
  key = heldKey();
  if (!may) return;
  const found = await read(`/v1/queue?limit=${MOST}`).catch((error) => error);
  if (mine !== asked) return;
  const failed = found instanceof Error;
  tell(failed ? { ...state, error: found } : { found, error: null, at: Date.now() });
  if (failed && [401, 403].includes(found.status)) return; // until there is another key
  timer = setTimeout(lookAtQueue, document.visibilityState === "visible" ? EVERY : HIDDEN);
}

function tell(next) {
  state = next;
  told.dispatchEvent(new Event("change"));
}

onRole(lookAtQueue);
addEventListener("visibilitychange", () => document.visibilityState === "visible" && lookAtQueue());
