/* The key: where it comes from, where it is kept, whose it is, and the dialog that asks for it. */

import { kept } from "/web/kept.js";
import { byId, on } from "/web/parts.js";

let key = null;

export const heldKey = () => key;

const told = new EventTarget();

/* Whose key it is, as the service says; what its role may not do is not shown. */
export function takeRole(role, tenant) {
  Object.assign(document.documentElement.dataset, { role: role ?? "", tenant: tenant ?? "" });
  told.dispatchEvent(new Event("change"));
}

/* Call something whenever another role is known. */
export const onRole = (again) => told.addEventListener("change", again);

/* Whether who is here looks after customers: answers as a person, and puts right what is known. */
export const tends = () => ownCustomer() === null && document.documentElement.dataset.role !== "service";

/* Whether the service has said that who is here may know of all customers. */
export const staff = () => ["admin", "agent"].includes(document.documentElement.dataset.role);

/* Whether who is here runs the service, and not a tenant of it. */
export const runs = () => {
  const { role, tenant } = document.documentElement.dataset;
  return role === "admin" && tenant === "default";
};

/* Whom a customer's own token speaks for; null with one of the service's keys. It is only read
 * here: the service says whether it is true.
 */
export function ownCustomer() {
  const [, claims, signature] = (key ?? "").split(".");
  if (!signature) return null;
  try {
    const text = atob(claims.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)).sub ?? null;
  } catch {
    return null; // a key with dots in it
  }
}

function keepKey(value, onDevice) {
  key = value;
  kept("sessionStorage", "key", key);
  kept("localStorage", "key", onDevice ? key : null);
  byId("remember").checked = onDevice;
}

/* A key in the address is taken out of it, so that it stays in no history and no bookmark. */
export function takeKey() {
  const given = new URLSearchParams(location.hash.slice(1).replaceAll("+", "%2B")).get("key");
  const onDevice = kept("localStorage", "key");
  if (given) history.replaceState(null, "", location.pathname + location.search);
  keepKey(given ?? kept("sessionStorage", "key") ?? onDevice, !given && onDevice !== null);
}

export function askForKey(why) {
  byId("door-problem").textContent = why;
  if (!byId("door").open) byId("door").showModal();
}

function leave() {
  keepKey(null, false);
  history.replaceState(null, "", location.pathname); // it names who was looked at
  location.reload();
}

/* Wire the door and the key's controls up; entered() is called when a key was given. */
export function wireKey(entered) {
  on("door-form", "submit", () => {
    keepKey(byId("key").value, byId("keep").checked);
    byId("door").close();
    entered();
  });
  on("door", "cancel", () => {});
  on("remember", "change", () => keepKey(key, byId("remember").checked));
  on("leave", "click", leave);
  addEventListener("hashchange", () => location.hash.startsWith("#key=") && location.reload());
}
