/* Customers to choose from: those chosen here before, those heard last, and those so named. */

import { kept } from "/web/kept.js";
import { onRole, staff } from "/web/key.js";
import { byId, stamp } from "/web/parts.js";
import { place } from "/web/place.js";
import { read } from "/web/service.js";
import { t } from "/web/texts.js";

const RECENT = 5; // that are remembered for a quick choice
const OFFERED = 8; // at a time
const PAUSE = 250; // milliseconds without a key before names are looked for

/* Offer below a field, in its datalist, the customers who are called what is typed there. */
export function offerCustomers(field, list) {
  let timer = null;
  async function offer() {
    const name = field.value.trim();
    if (!staff()) return; // whoever may not ask who there is gets none
    const query = new URLSearchParams({ limit: OFFERED, name });
    const { customers } = await read(`/v1/customers?${query}`).catch(() => ({ customers: [] }));
    if (field.value.trim() === name) list.replaceChildren(...customers.map((one) => new Option("", one.customer)));
  }
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(offer, PAUSE);
  });
}

/* Wire the field up; choose(name) opens a customer. Returns what is called when one is opened. */
export function wireCustomers(choose) {
  const field = byId("customer");
  let heard = []; // that the service knows, the last heard first
  let next = null; // the cursor of those after them
  let named = ""; // what they are called, all of them
  let asked = 0; // moves with every look: an answer to an earlier one is dropped
  let timer = null;

  const sought = () => (field.value.trim() === place.customer ? "" : field.value.trim());

  async function hear(more = false) {
    const mine = (asked += 1);
    if (!more) named = sought();
    const query = new URLSearchParams({ limit: OFFERED + (named ? 0 : RECENT), name: named });
    if (more && next) query.set("after", next);
    // Whoever may not ask who there is gets the recent ones only.
    const found = staff() ? await read(`/v1/customers?${query}`).catch(() => null) : null;
    if (mine !== asked) return;
    const names = found?.customers.map((one) => one.customer) ?? [];
    heard = more ? [...heard, ...names] : names;
    next = found?.next ?? null;
    offer(more);
  }

  function offer(more = false) {
    const recent = named ? [] : (kept("localStorage", "customers") ?? []);
    const known = new Set([...recent, ...heard]);
    known.delete(place.customer);
    const names = [...known].slice(0, more ? known.size : OFFERED);
    const buttons = names.map((name) => {
      const onclick = () => choose(name);
      return Object.assign(stamp("customer-template"), { textContent: name, title: name, onclick });
    });
    if (next || names.length < known.size) {
      const onclick = () => (next ? hear(true) : offer(true));
      buttons.push(Object.assign(stamp("customer-template"), { textContent: "…", onclick }));
      buttons.at(-1).setAttribute("aria-label", t("moreCustomers"));
      buttons.at(-1).title = t("moreCustomers");
    }
    const pressed = byId("recent").contains(document.activeElement);
    const before = byId("recent").childElementCount - 1; // less what was pressed
    if (pressed) field.focus(); // what has the focus is about to be gone
    byId("recent").replaceChildren(...buttons);
    if (pressed) (buttons[before] ?? field).focus();
    byId("nobody").hidden = !named || buttons.length > 0;
  }

  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(hear, PAUSE);
  });
  onRole(() => hear());
  // A name that was begun, and not entered or chosen, is nobody's.
  byId("customer-form").addEventListener("focusout", ({ relatedTarget }) => {
    if (byId("customer-form").contains(relatedTarget) || !sought()) return;
    field.value = place.customer;
    hear();
  });
  return {
    opened() {
      clearTimeout(timer);
      const others = (kept("localStorage", "customers") ?? []).filter((name) => name !== place.customer);
      kept("localStorage", "customers", [place.customer, ...others].slice(0, RECENT));
      offer();
      hear();
    },
  };
}
