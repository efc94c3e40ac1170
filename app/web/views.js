/* The views beside the conversation: which there are, who may see them, and which one is shown.
 *
 * The address says by its hash which is wanted. Each is a folder of its own, fetched when it is
 * wanted first: view.html is what it shows, and wire() in view.js makes it work.
 */

import { heldKey, ownCustomer, takeRole } from "/web/key.js";
import { byId, explain, part, stamp } from "/web/parts.js";
import { VIEW } from "/web/place.js";
import { onQueue, waiting } from "/web/queue.js";
import { problem, read } from "/web/service.js";
import { fill, number, onSpeak, t } from "/web/texts.js";

const HOME = "conversation"; // which is no folder: it is the page itself
const NOWHERE = "nowhere"; // nor is this, which says that there is no such view
const VIEWS = {
  queue: { icon: "hand", roles: ["admin", "agent"], count: waiting },
  summaries: { icon: "lines", roles: ["admin", "agent", "service"] },
  answers: { icon: "question", roles: ["admin", "agent", "service"] },
  translation: { icon: "tongues", roles: ["admin", "agent"] },
  recommendations: { icon: "bag", roles: ["admin", "agent"] },
  insights: { icon: "waves", roles: ["admin", "agent"] },
  operations: { icon: "pulse", roles: ["admin"] },
};

let known = false; // whether the service has said who is here
let role = null; // of who is here, as the service says; no view is a customer's
let key = null; // that was carried when it said so
let asked = 0; // moves with every question whose key it is: an answer to an earlier one is dropped
let current = HOME;
const made = new Map(); // by its name: a view's section, and how it is told

const mine = () => Object.keys(VIEWS).filter((name) => VIEWS[name].roles.includes(role));

/* Wire the views up; open({ customer, session, message }) shows a session in the conversation, and
 * a message in it if one is named. What is returned is called when there may be another key.
 */
export function wireViews({ open }) {
  const menu = byId("views");

  function show() {
    const wanted = location.hash.slice(1);
    const next = mine().includes(wanted) ? wanted : known && VIEW.test(location.hash) ? NOWHERE : HOME;
    if (next === NOWHERE) refuseView(wanted);
    if (next === current) return;
    const before = made.get(current);
    current = next;
    for (const [name, { section }] of made) section.hidden = name !== current;
    byId("page").hidden = document.querySelector(".skip").hidden = current !== HOME;
    for (const drawer of document.querySelectorAll(":popover-open")) drawer.hidePopover();
    entitle();
    before?.told?.hidden?.();
    if (current === HOME) byId("scroll").focus();
    else enter(current);
  }

  /* Say that a view is not there, or not for who is here. */
  function refuseView(name) {
    if (!made.has(NOWHERE)) made.set(NOWHERE, { section: shell(NOWHERE), told: {} });
    const said = Object.hasOwn(VIEWS, name) ? t("viewOfOthers", { name: t(name) }) : t("noView", { name });
    explain(byId(`${NOWHERE}-trouble`), problem(said, t("viewsThatAre")));
    made.get(NOWHERE).section.ariaBusy = "false";
  }

  function entitle() {
    byId("to-views").hidden = mine().length === 0;
    menu.firstElementChild.replaceChildren(...[HOME, ...mine()].map((name) => {
      const item = stamp("to-view-template");
      const link = item.firstElementChild;
      link.href = `#${name}`;
      link.querySelector("use").setAttribute("href", `#icon-${VIEWS[name]?.icon ?? "talk"}`);
      link.querySelector("span").textContent = t(name);
      if (name === current) link.setAttribute("aria-current", "page");
      return item;
    }));
    count();
  }

  /* Say how many wait, in the tab's title and beside what leads to them. */
  function count() {
    const waits = (name) => VIEWS[name]?.count?.() || 0;
    const all = mine().reduce((sum, name) => sum + waits(name), 0);
    const title = current === HOME ? t("brand") : `${t(current)} · ${t("brand")}`;
    document.title = all ? `(${number(all)}) ${title}` : title;
    const write = (element, n) => (element.textContent = n ? number(n) : "");
    for (const link of menu.querySelectorAll("a")) write(part(link, "count"), waits(link.hash.slice(1)));
    for (const one of document.querySelectorAll("[data-part=waiting]")) write(one, all);
  }

  /* Show a view, which may have to be fetched, unless the reader has gone elsewhere meanwhile. */
  async function enter(name) {
    if (!made.has(name)) made.set(name, { section: shell(name), told: null });
    const view = made.get(name);
    view.section.hidden = false;
    byId(`${name}-title`).focus();
    if (!view.told) byId(`${name}-about`).textContent = t("looking");
    try {
      view.told ??= await (view.coming ??= fetched(name, view.section));
    } catch (error) {
      view.coming = null;
      byId(`${name}-about`).textContent = "";
      view.section.ariaBusy = "false"; // else what is wrong would not be read out
      return explain(byId(`${name}-trouble`), error, () => enter(name));
    }
    if (name === current) view.told?.shown?.();
  }

  function shell(name) {
    const section = stamp("view-template");
    section.id = name;
    section.setAttribute("aria-labelledby", `${name}-title`);
    for (const one of section.querySelectorAll("[data-name]")) one.id = `${name}-${one.dataset.name}`;
    section.querySelector("h1").dataset.t = name;
    fill(section);
    menu.before(section);
    return section;
  }

  async function fetched(name, section) {
    const script = import(`/web/${name}/view.js`).catch(() => refuse());
    const [found, { wire }] = await Promise.all([parsed(`/web/${name}/view.html`), script]);
    const parts = [...found.head.children, ...found.body.children];
    const sheets = parts.filter((one) => one.matches("link"));
    section.append(...sheets);
    await Promise.all(sheets.map((one) => new Promise((done) => (one.onload = one.onerror = done))));
    section.append(...parts.filter((one) => !sheets.includes(one)));
    fill(section);
    section.ariaBusy = "false";
    byId(`${name}-trouble`).hidden = true;
    byId(`${name}-about`).textContent = "";
    return wire({ section, open: away }) ?? {};
  }

  /* Leave the view for a session. */
  function away(where) {
    location.hash = `#${HOME}`;
    return open(where);
  }

  /* Let in whom the service says who they are. What was shown for another key is taken away. */
  async function admit() {
    const turn = (asked += 1);
    const own = ownCustomer() !== null;
    const who = own ? null : await read("/v1/key").catch(() => null);
    if (turn !== asked) return;
    known = own || who !== null;
    const other = key !== null && key !== heldKey();
    [role, key] = [who?.role ?? null, heldKey()];
    takeRole(who?.role, who?.tenant);
    if (other) for (const { told } of made.values()) told?.clear?.();
    entitle();
    const before = current;
    show();
    if (current === before) made.get(current)?.told?.shown?.();
  }

  menu.addEventListener("click", ({ target }) => target.closest("a") && menu.hidePopover());
  addEventListener("hashchange", show);
  onSpeak(() => {
    entitle();
    show();
  });
  onQueue(count);
  entitle();
  return admit;
}

/* Open the menu, by the button that is in sight. */
export function openMenu() {
  const buttons = [...document.querySelectorAll("[popovertarget=views]")];
  const button = buttons.find((one) => one.checkVisibility());
  if (!mine().length || byId("views").matches(":popover-open")) return;
  if (button) button.click();
  else byId("views").showPopover();
  byId("views").querySelector("a").focus();
}

/* A file as the browser reads it: its scripts do not run, and no text becomes markup here. */
function parsed(path) {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open("GET", path);
    request.responseType = "document";
    request.onloadend = () => (request.status === 200 ? done(request.responseXML) : failed());
    request.send();
  }).catch(refuse);
}

function refuse() {
  throw problem(t("notReached"), t("checkThatItRuns"));
}
