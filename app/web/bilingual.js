/* Support chat in two languages: who reads another language than the customer sees what is said in
 * both, and answers in their own; what the customer will read of that is shown before it is sent.
 */

import { beneath } from "/web/beneath.js";
import { kept } from "/web/kept.js";
import { heldKey, onRole, tends } from "/web/key.js";
import { byId, explain, on, tell } from "/web/parts.js";
import { here, isStored, place, sessionPath } from "/web/place.js";
import { following } from "/web/scrolling.js";
import { call, read } from "/web/service.js";
import { listed, onSpeak, t } from "/web/texts.js";
import { tongue, tongues } from "/web/tongues.js";

const AT_ONCE = 10; // messages translated at a time, the last first
const WHOLE = 300; // letters of what the queue shows: as long, it may be cut off
const OFF = "";

const told = new EventTarget();
const known = new Map(); // what was translated, by whose it is and into which language
const held = new Map(); // the language of a session's customer: as the service says
const chosen = new Map(); // and as the reader says
let translators = []; // none: nothing of this is offered
let mine = kept("localStorage", "tongue") ?? OFF; // the reader's language
let failed = null; // what could not be translated, and is not asked for again by itself
let asking = false;
let key = null; // that was carried when it was asked who translates
let answered = null; // called with what is to be sent, or null
let excerpts = Promise.resolve(); // those of the queue are asked for one after the other

const base = (tag) => tag.split("-")[0];
const send = async (path, body) => (await call("POST", path, body)).json();

/* Whether what is said is to be read in the reader's language. */
export const isOn = () => translators.length > 0 && mine !== OFF;

const theirs = () => chosen.get(here()) || held.get(here());
const keyOf = (id) => JSON.stringify([here(), chosen.get(here()) ?? null, mine, id]);

/* What the reader's language is called. */
export const ownTongue = () => tongue(mine);

/* Call something whenever something more is translated, or another language is wanted. */
export const onTranslated = (again) => told.addEventListener("change", again);

/* Let a choice be of the reader's language; all that are made so agree. */
export function wireTongue(select) {
  const label = select.closest("label");
  function fill() {
    const tags = translators.every(({ pairs }) => pairs) ? translators.flatMap(({ pairs }) => pairs.flat()) : undefined;
    select.replaceChildren(new Option(t("tongueOff"), OFF), ...tongues([], tags));
    if (mine && ![...select.options].some(({ value }) => value === mine)) select.append(new Option(tongue(mine), mine));
    select.value = mine;
    label.hidden = translators.length === 0;
  }
  select.addEventListener("change", () => {
    mine = kept("localStorage", "tongue", select.value) ?? select.value;
    failed = null;
    told.dispatchEvent(new Event("change"));
  });
  onTranslated(fill);
  onSpeak(fill);
  fill();
}

/* A customer's text in the reader's language, as far as that is known by now; else it is asked for.
 * What is no whole message is not remembered: it would outlive its session.
 */
export function inMine({ customer, text, remember = text.length < WHOLE }) {
  if (!isOn() || !text) return "";
  const name = JSON.stringify([customer, mine, text]);
  if (!known.has(name)) {
    known.set(name, "");
    const body = { text, target: mine, customer, remember };
    excerpts = excerpts.then(() => send("/v1/translate", body)).then(
      ({ translation, source }) => base(source) !== base(body.target) && known.set(name, translation),
      () => {}, // it stays as it is
    ).then(() => known.get(name) && told.dispatchEvent(new Event("change")));
  }
  return known.get(name);
}

/* ---- what is said, in both */
const articles = () => [...byId("turns").querySelectorAll("article[data-id]:not([hidden])")];

/* Show the translations that are known beneath what they are of. */
function dress() {
  following(() => {
    for (const article of articles()) {
      const { translation, source, complete = true, missing = [] } = (isOn() && known.get(keyOf(article.dataset.id))) || {};
      const lost = missing.length ? t("translationLacks", { what: listed(missing) }) : complete ? "" : t("translationParts");
      const lead = translation && [t("translatedFrom", { language: source && tongue(source) }), lost].filter(Boolean).join(" · ");
      const written = article.querySelector(".translated.written .words")?.textContent;
      beneath(article, "made", translation === written ? null : translation, lead, mine);
    }
  });
}

/* Translate what is shown and not yet translated. */
async function renew() {
  byId("tongues").hidden = translators.length === 0 || !isStored();
  if (answered && answered.where !== here()) close(null);
  dress();
  offerTheirs();
  if (asking || !isOn() || !isStored()) return;
  const visit = place.visit;
  const lacking = () => articles().filter(({ dataset }) => !known.has(keyOf(dataset.id))).map(({ dataset }) => dataset.id);
  const state = () => keyOf(lacking().join());
  let before = null;
  asking = true;
  try {
    while (isOn() && visit === place.visit && lacking().length && failed !== state()) {
      const body = { target: mine, source: chosen.get(here()) || null, limit: AT_ONCE, before };
      const asked = [here(), keyOf("")];
      const { messages, source, next } = await send(`${sessionPath()}/translations`, body);
      if (asked[0] !== here()) return;
      if (asked[1] !== keyOf("")) continue; // another language is wanted by now
      for (const one of messages) known.set(keyOf(one.id), one);
      if (!body.source) held.set(here(), source);
      dress();
      offerTheirs();
      if (next === null) failed = state(); // what is not there any more
      before = next;
    }
  } catch (error) {
    failed = state();
    if (visit === place.visit && error.status !== 401) explain(byId("trouble"), error, again);
  } finally {
    asking = false;
  }
}

function again() {
  byId("trouble").hidden = true;
  failed = null;
  renew();
}

/* The customer's language: as it was told, or as the reader says if that is wrong. */
function offerTheirs() {
  const select = byId("theirs");
  const found = held.get(here());
  const name = found ? t("tongueTold", { language: tongue(found) }) : t("tongueUnknown");
  select.closest("label").hidden = !isOn();
  if (document.activeElement === select && select.dataset.told === name) return;
  select.dataset.told = name;
  select.replaceChildren(new Option(name, ""), ...tongues(found ? [found] : []));
  select.value = chosen.get(here()) ?? "";
}

/* ---- what is answered, in theirs */
/* What is to be sent of an answer: as it is, or with its translation, once that was seen; null if it
 * is not to be sent.
 */
export async function inTheirs(text) {
  close(null);
  if (!isOn()) return { text };
  const where = here();
  if (!theirs()) {
    const { source } = await send(`${sessionPath()}/translations`, { target: mine, limit: 1 });
    held.set(where, source);
    offerTheirs();
  }
  if (where !== here()) return null;
  if (!theirs()) {
    byId("theirs").focus();
    tell(byId("status"), t("tongueChoose"));
    return null;
  }
  const [source, target] = [mine, theirs()];
  if (base(source) === base(target)) return { text };
  tell(byId("status"), t("tongueAsking"), true);
  const made = await send("/v1/translate", { text, source, target, customer: place.customer, remember: false }).finally(() => tell(byId("status"), ""));
  if (where !== here() || byId("message").value !== text) return null;
  const checked = await preview(made, { text, target, where });
  return checked === null ? null : { text, source, target, translation: checked };
}

const digits = (number) => number.replace(/\D/g, "");
const numbers = (said) => said.normalize("NFKC").match(/\d{1,3}(?: \d{3})+(?!\d)(?:[.,]\d+)?|\d+(?:[.,:]\d+)*/g) ?? [];

function preview({ translation, complete, segments, looks_like: like }, { text, target, where }) {
  const missing = segments.flatMap((one) => one.missing);
  /* What the translation lacks, as the service says, and once it is changed, as can be seen here. */
  function warn(changed) {
    const { value } = byId("preview-text");
    const there = numbers(value).flatMap((one) => [one, ...one.split(" ")]).map(digits);
    const lacks = changed ? [...new Set([
      ...missing.filter((one) => !value.includes(one) && !numbers(one).length),
      ...numbers(text).filter((one) => ![[one], one.split(" ")].some((some) => some.every((part) => there.includes(digits(part))))),
    ])] : missing;
    byId("preview-unsure").textContent = [
      like && t("tongueLooksLike", { language: tongue(like) }),
      lacks.length ? t("translationLacks", { what: listed(lacks) }) : complete || changed ? "" : t("translationParts"),
    ].filter(Boolean).join(" · ");
  }
  byId("preview-title").textContent = t("previewTitle", { language: tongue(target) });
  Object.assign(byId("preview-text"), { value: translation, lang: target, oninput: () => warn(true) });
  warn(false);
  byId("preview").hidden = false;
  byId("preview-text").focus();
  return new Promise((done) => (answered = { where, done }));
}

function close(checked) {
  byId("preview").hidden = true;
  const { done } = answered ?? {};
  answered = null;
  done?.(checked);
}

function leave() {
  close(null);
  byId("message").focus();
}

function onPreviewKey(event) {
  if (event.key === "Escape") {
    event.stopPropagation(); // it stops no answer
    leave();
  }
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  byId("preview").requestSubmit();
}

async function lookWho() {
  if (key !== heldKey()) for (const one of [known, held, chosen]) one.clear(); // it may be another tenant
  key = heldKey();
  const may = tends() && document.documentElement.dataset.role;
  translators = may ? (await read("/v1/translate").catch(() => ({ translators: [] }))).translators : [];
  told.dispatchEvent(new Event("change"));
}

export function wireBilingual() {
  wireTongue(byId("tongue"));
  on("theirs", "change", () => {
    chosen.set(here(), byId("theirs").value);
    again();
  });
  on("preview", "submit", () => byId("preview-text").value.trim() && close(byId("preview-text").value));
  on("preview-back", "click", leave);
  on("message", "input", () => close(null)); // it is another text
  byId("preview-text").addEventListener("keydown", onPreviewKey);
  const looking = new MutationObserver(renew);
  looking.observe(byId("turns"), { subtree: true, childList: true, attributeFilter: ["data-id", "hidden"] });
  onTranslated(renew);
  onSpeak(renew);
  onRole(lookWho);
}
