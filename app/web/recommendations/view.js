/* Recommendations: what fits a customer and why, what they did lately, and the catalogue; what they
 * do with an item is noted from here, and changes what fits.
 */

import { offerCustomers } from "/web/customers.js";
import { byId, explain, on, part, stamp } from "/web/parts.js";
import { place } from "/web/place.js";
import { changes, forgetNow } from "/web/remembered.js";
import { call, read } from "/web/service.js";
import { addTexts, number, onSpeak, t } from "/web/texts.js";
import { briefly, write } from "/web/times.js";

import en from "/web/recommendations/en.js";
import zh from "/web/recommendations/zh.js";

const FIT = 8; // items that are recommended
const DID = 10; // things that were done
const STEP = 20; // items of the catalogue at a time
const MOST = 1000; // of them, which is what the service lists at once
const KINDS = {
  viewed: "recommendationsViewed", asked: "recommendationsAsked", liked: "recommendationsLiked",
  bought: "recommendationsBought", complained: "recommendationsComplained",
  returned: "recommendationsReturned", refused: "recommendationsRefused",
};

addTexts({ en, zh });

const eventsOf = (customer) => `/v1/customers/${encodeURIComponent(customer)}/events`;
const inShort = (value) => (typeof value === "object" ? JSON.stringify(value) : value);

/* Wire the view up. */
export function wire() {
  const field = byId("recommendations-customer");
  let begun = false; // whether the customer's field was filled in
  let listed = STEP;
  let looked = 0; // moves with every look: an answer to an earlier one is dropped
  const isAdmin = () => document.documentElement.dataset.role === "admin";
  const { forget, status } = changes("recommendations", async (focused) => {
    const heading = document.activeElement.closest(".parts > section")?.querySelector("h2");
    await look();
    if (focused) heading?.focus();
  });

  /* Ask what fits whom the field names, and show it with what they did and the catalogue. */
  async function look() {
    const turn = (looked += 1);
    const customer = field.value.trim();
    try {
      await forgetNow();
      const [fit, did, all] = await Promise.all([
        customer ? fitting(customer) : [],
        customer ? read(`${eventsOf(customer)}?limit=${DID}&may_be_new=true`) : { events: [] },
        read(`/v1/items?limit=${listed}`),
      ]);
      if (turn !== looked) return false;
      byId("recommendations-trouble").hidden = true;
      byId("recommendations-fit").hidden = !customer || !all.items.length;
      byId("recommendations-did").hidden = !customer;
      byId("recommendations-fit-title").textContent = t("recommendationsFor", { customer });
      put("items", fit.map((one) => card(one.item, customer, one)));
      put("events", did.events.map((one) => event(one, customer)));
      put("catalogue", all.items.map((one) => card(one, customer)));
      byId("recommendations-listed").textContent = number(all.items.length) + (all.next ? "+" : "");
      byId("recommendations-more").hidden = !all.next || listed >= MOST;
      return fit.length;
    } catch (error) {
      if (turn === looked) fail(error, look);
      return false;
    }
  }

  async function fitting(customer) {
    const response = await call("POST", "/v1/recommendations", { customer, limit: FIT });
    return (await response.json()).recommendations;
  }

  const put = (name, items) => byId(`recommendations-${name}`).replaceChildren(...items);

  function fail(error, again) {
    if (error.status !== 401) explain(byId("recommendations-trouble"), error, again);
  }

  /* An item, with why it is recommended if it is. */
  function card(item, customer, { score, why } = {}) {
    const element = stamp("recommendations-item-template");
    part(element, "title").textContent = item.title;
    part(element, "text").textContent = item.text;
    part(element, "about").textContent =
      Object.entries(item.metadata).map(([name, value]) => `${name}: ${inShort(value)}`).join(" · ");
    part(element, "why").textContent = why ?? "";
    part(element, "score").textContent = why ? t("score", { n: Number(score.toPrecision(2)) }) : "";
    part(element, "unavailable").hidden = item.available;
    for (const button of element.querySelectorAll("[value]")) {
      name(button, item.title);
      button.hidden = !customer;
      button.onclick = () => note(element, item, button.value, customer);
    }
    const button = name(part(element, "forget"), item.title);
    button.hidden = Boolean(why) || !isAdmin();
    button.onclick = () => forget(element, { what: item.title, path: `/v1/items/${encodeURIComponent(item.id)}` });
    button.parentElement.hidden = button.hidden && !customer;
    return element;
  }

  function event({ id, item, title, kind, at }, customer) {
    const element = stamp("recommendations-event-template");
    const what = title ?? item;
    part(element, "kind").textContent = t(KINDS[kind]);
    part(element, "title").textContent = what;
    write(element.querySelector("time"), at, briefly);
    const path = `${eventsOf(customer)}/${encodeURIComponent(id)}`;
    const said = `${t(KINDS[kind])} ${what}`;
    name(part(element, "forget"), said).onclick = () => forget(element, { what: said, path });
    return element;
  }

  function name(button, what) {
    button.setAttribute("aria-label", t("ofMemory", { action: button.textContent, what }));
    return button;
  }

  /* Note what the customer did with an item, and show what fits now, with the focus on what stands
   * where the item stood.
   */
  async function note(element, { id, title }, kind, customer) {
    const list = element.parentElement;
    const at = [...list.children].indexOf(element);
    const buttons = element.querySelectorAll("button");
    for (const one of buttons) one.disabled = true; // else a second click notes it twice
    byId("recommendations-trouble").hidden = true;
    try {
      await call("POST", "/v1/events", { customer, events: [{ item: id, kind }] });
      status(t("recommendationsNoted", { customer, kind: t(KINDS[kind]), title }));
      if ((await look()) === false) return;
      const next = list.children[Math.min(at, list.children.length - 1)];
      (next?.querySelector(`[value=${kind}]`) ?? byId("recommendations-fit-title")).focus();
    } catch (error) {
      fail(error);
    } finally {
      for (const one of buttons) one.disabled = false;
    }
  }

  async function ask() {
    const n = await look();
    if (n === false || !field.value.trim()) return;
    status(t("recommendationsFound", { n }), false);
    byId("recommendations-fit-title").scrollIntoView({ block: "nearest" });
  }

  byId("recommendations-status").classList.add("came");
  offerCustomers(field, byId("recommendations-customers"));
  on("recommendations-form", "submit", ask);
  on("recommendations-customer", "change", look);
  on("recommendations-more", "click", () => {
    listed = Math.min(listed + STEP, MOST);
    look();
  });
  onSpeak(() => byId("recommendations").hidden || look()); // reasons are the service's words
  return {
    shown() {
      if (!begun) field.value = place.customer ?? "";
      begun = true;
      look();
    },
    hidden: forgetNow,
    clear() {
      looked += 1;
      [begun, listed] = [false, STEP];
      byId("recommendations-form").reset();
      for (const name of ["items", "events", "catalogue"]) put(name, []);
      for (const name of ["fit", "did"]) byId(`recommendations-${name}`).hidden = true;
      status("");
    },
  };
}
