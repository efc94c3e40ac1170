/* Translation: a text sentence by sentence with where each is from, and the memory behind it: what
 * is wrong is corrected in its place or forgotten, the rest is found, imported and exported.
 */

import { offerCustomers } from "/web/customers.js";
import { byId, explain, on, part, stamp } from "/web/parts.js";
import { changes, correct, forgetNow } from "/web/remembered.js";
import { call, problem, read } from "/web/service.js";
import { addTexts, language, listed, onSpeak, t } from "/web/texts.js";
import { tongue, tongues } from "/web/tongues.js";

import en from "/web/translation/en.js";
import { formatOf, parts, textOf } from "/web/translation/file.js";
import zh from "/web/translation/zh.js";

const MOST = 4000; // letters of a translation
const SHOWN = 20; // translations at a time
const PATH = "/v1/translation-memory";
const ORIGINS = {
  memory: "translationMemory", glossary: "translationGlossary", fuzzy: "translationFuzzy",
  model: "translationModel", same: "translationSame", none: "translationNone",
  imported: "translationImported", person: "translationPerson",
};

addTexts({ en, zh });

/* Of a customer who has said nothing yet nothing is remembered, which is no error. */
const orNothing = (error) => (error.status === 404 ? { found: [] } : Promise.reject(error));

/* Wire the view up. */
export function wire() {
  const [from, into] = [byId("translation-from"), byId("translation-into")];
  const customer = byId("translation-customer");
  let stopped = new AbortController(); // of the text that is being translated
  let made = null; // what was asked, and its translation
  let found = null; // what was looked for, and what is known
  let looked = 0; // moves with every look: an answer to an earlier one is dropped

  const between = () => ({ source: from.value, target: into.value });
  const whose = () => customer.value.trim() || null;
  const isAdmin = () => document.documentElement.dataset.role === "admin";
  const send = async (method, path, body, signal) => (await call(method, path, body, signal)).json();
  const { forget, status: tellSeen } = changes("translation", async (focused) => {
    await look();
    if (focused) byId("translation-known-title").focus();
  });
  const status = (text) => tellSeen(text, false); // it is to be read where it belongs

  function fail(error, again) {
    if (error.status !== 401) explain(byId("translation-trouble"), error, again);
  }

  /* Offer the languages, called as the reader calls them, and those that are in the memory. */
  function offer() {
    const seen = found?.items.flatMap((one) => [one.source_language, one.target_language]) ?? [];
    for (const [field, first] of [[from, language === "en" ? "zh" : "en"], [into, language]]) {
      const chosen = field.value || first;
      field.replaceChildren(...tongues(seen.filter(Boolean)));
      field.value = chosen;
    }
  }

  function differ() {
    const fine = from.value !== into.value;
    byId("translation-wrong").textContent = fine ? "" : t("translationTwo");
    return fine;
  }

  async function translate() {
    const text = byId("translation-text").value;
    if (!differ() || !text.trim()) return;
    await ask({ ...between(), text, customer: whose() });
  }

  async function ask(body) {
    stopped.abort();
    const { signal } = (stopped = new AbortController());
    byId("translation-trouble").hidden = true;
    byId("translation-about").textContent = t("translationAsking");
    try {
      const answer = await send("POST", "/v1/translate", body, signal);
      if (signal.aborted) return;
      made = { body, ...answer };
      show();
      status(t("translationDone", { n: made.segments.length }));
      byId("translation-made-title").scrollIntoView({ block: "nearest" });
      look(); // what a translator made is remembered now
    } catch (error) {
      if (!signal.aborted) fail(error, () => ask(body));
    } finally {
      if (!signal.aborted) byId("translation-about").textContent = "";
    }
  }

  function show() {
    const { body, segments, translation, complete, translator, looks_like: like } = made;
    Object.assign(byId("translation-whole"), { textContent: translation, lang: body.target });
    byId("translation-by").textContent = [
      like && t("tongueLooksLike", { language: tongue(like) }),
      translator ? t("translationBy", { name: translator }) : complete ? "" : t("translationNobody"),
    ].filter(Boolean).join(" · ");
    byId("translation-segments").replaceChildren(...segments.map((one) => {
      const [same] = one.origin === "memory" ? one.matches : [];
      const said = [
        ["translationMissing", one.missing], ["translationChanged", Object.values(same?.changed ?? {})],
        ["translationTerms", one.origin === "glossary" ? [] : Object.entries(one.terms).map((pair) => pair.join(" → "))],
      ].filter(([, what]) => what.length).map(([name, what]) => t(name, { what: listed(what) }));
      const kept = one.origin === "model" ? one.missing.length === 0 : same && !said.length;
      return card(one, body, {
        origins: [t(ORIGINS[one.origin])],
        score: one.origin === "fuzzy" ? one.score : null,
        about: said.join(" · "),
        may: one.origin !== "same" && (isAdmin() || body.customer || kept),
      });
    }));
    byId("translation-made").hidden = false;
  }

  /* A text beside its translation, which is corrected there; body says of what it is. */
  function card(one, body, { origins, score, about, may, path = null }) {
    const item = stamp("translation-segment-template");
    part(item, "origin").textContent = origins.join(" · ");
    part(item, "score").textContent = score === null ? "" : t("translationClose", { n: Math.floor(score * 100) });
    Object.assign(part(item, "source"), { textContent: one.source, lang: body.source });
    Object.assign(part(item, "text"), { textContent: one.target, lang: body.target });
    Object.assign(part(item, "about"), { textContent: about, hidden: !about });
    item.classList.toggle("unsure", ["none", "fuzzy"].includes(one.origin) || one.missing?.length > 0);
    part(item, "choices").hidden = !may;
    const act = (name, done) => {
      const button = part(item, name);
      button.setAttribute("aria-label", t("ofMemory", { action: button.textContent, what: one.source }));
      button.onclick = done;
      return button;
    };
    act("correct", () => correct(item, {
      value: one.target, what: one.source, most: MOST,
      save: (said) => amend(item, one, body, said),
    }));
    act("forget", () => forget(item, { what: `${one.source} → ${one.target}`, path })).hidden = !path;
    return item;
  }

  /* Remember what a person says instead: in the place of what is there, or beside it. */
  async function amend(item, one, { source, target, customer }, said) {
    const list = item.parentElement;
    const at = [...list.children].indexOf(item);
    byId("translation-trouble").hidden = true;
    try {
      const unit = one.id ? one : await same(one, { source, target, customer });
      if (unit) await send("PUT", `${PATH}/${unit.id}`, { target: said, customer: unit.own ? customer : null });
      else if (!isAdmin() && !customer) throw problem(t("translationAdmin"));
      else {
        const units = [{ source: one.source, target: said, term: one.origin === "glossary" }];
        await send("POST", PATH, { source, target, customer, units });
      }
      await Promise.all([made && ask(made.body), look()]);
      (list.children[at]?.querySelector("[data-part=correct]") ?? byId("translation-known-title")).focus();
      status(t("translationRemembered"));
    } catch (error) {
      fail(error);
    }
  }

  /* What is remembered of just this text; with other numbers in it, it is another's. */
  async function same({ source: text, origin }, asked) {
    if (origin === "glossary") return null;
    const { found } = await send("POST", `${PATH}/search`, { ...asked, text, limit: 1 }).catch(orNothing);
    return found.find((one) => one.score === 1 && !Object.keys(one.changed).length);
  }

  /* Show what is known of what is looked for, else what was remembered last. */
  async function look() {
    if (from.value === into.value) return;
    await forgetNow();
    const turn = (looked += 1);
    const text = byId("translation-search").value.trim();
    const body = { ...between(), customer: whose() };
    const query = new URLSearchParams({ ...between(), limit: SHOWN });
    if (body.customer) query.set("customer", body.customer);
    query.set("may_be_new", true);
    try {
      const known = text
        ? (await send("POST", `${PATH}/search`, { ...body, text, limit: SHOWN }).catch(orNothing)).found
        : (await read(`${PATH}?${query}`)).translations;
      if (turn !== looked) return;
      found = { body, items: known };
      showFound();
      if (text) status(t("translationCount", { n: known.length }));
    } catch (error) {
      if (turn === looked) fail(error, look);
    }
  }

  function showFound() {
    byId("translation-found").replaceChildren(...found.items.map((one) => {
      const turned = one.source_language === found.body.target; // it is known both ways round
      const body = turned ? { ...found.body, source: found.body.target, target: found.body.source } : found.body;
      const own = one.own ?? Boolean(found.body.customer);
      const changed = Object.values(one.changed ?? {});
      const marks = [t(ORIGINS[one.origin]), one.term && t("translationTerm"), own && t("translationOwned")];
      return card({ ...one, own }, body, {
        origins: marks.filter(Boolean),
        score: one.score ?? null,
        about: changed.length ? t("translationChanged", { what: listed(changed) }) : "",
        may: changed.length === 0,
        path: `${PATH}/${one.id}${own ? `?${new URLSearchParams({ customer: body.customer })}` : ""}`,
      });
    }));
  }

  async function take() {
    const field = byId("translation-import");
    const [file] = field.files;
    if (!file || !differ()) return;
    byId("translation-trouble").hidden = true;
    tellOf(t("translationReading"));
    const sum = { n: 0, added: 0, replaced: 0, empty: 0, languages: 0, long: 0 };
    const told = () => {
      const left = sum.empty + sum.languages + sum.long;
      return left ? `${t("translationTook", sum)} ${t("translationLeft", sum)}` : t("translationTook", sum);
    };
    try {
      const text = await textOf(file);
      if (text === null) throw problem(t("translationEncoding"));
      const format = formatOf(text);
      const about = { ...between(), customer: whose(), format, terms: byId("translation-as-terms").checked };
      for (const one of parts(text, format)) {
        const { read: n, added, replaced, left_out: left } = await send("POST", PATH, { ...about, text: one });
        for (const [name, more] of Object.entries({ n, added, replaced, ...left })) sum[name] += more;
        tellOf(told());
      }
      await look();
    } catch (error) {
      tellOf(sum.n ? told() : "");
      fail(error);
    } finally {
      field.value = "";
    }
  }

  async function give(format) {
    const query = new URLSearchParams({ format, ...between() });
    if (whose()) query.set("customer", whose());
    byId("translation-trouble").hidden = true;
    if (!differ()) return;
    try {
      const { text, translations } = await read(`${PATH}/export?${query}`);
      const href = URL.createObjectURL(new Blob([text]));
      Object.assign(byId("translation-download"), { href, download: `translations.${format}` }).click();
      URL.revokeObjectURL(href);
      tellOf(t("translationGave", { n: translations }));
    } catch (error) {
      fail(error);
    }
  }

  function tellOf(text) {
    byId("translation-imported").textContent = text;
    status(text);
  }

  offer();
  offerCustomers(customer, byId("translation-customers"));
  on("translation-form", "submit", translate);
  on("translation-search-form", "submit", look);
  on("translation-import", "change", take);
  for (const field of [from, into, customer]) field.addEventListener("change", () => differ() && look());
  for (const button of byId("translation-file").querySelectorAll("button")) button.onclick = () => give(button.value);
  onSpeak(() => {
    offer();
    if (made) show();
    if (found) showFound();
  });
  return {
    shown() {
      byId("translation-file").hidden = !isAdmin();
      look().then(offer);
    },
    clear() {
      stopped.abort();
      looked += 1;
      [made, found] = [null, null];
      byId("translation-form").reset();
      byId("translation-search-form").reset();
      byId("translation-made").hidden = true;
      byId("translation-found").replaceChildren();
      byId("translation-imported").textContent = "";
    },
  };
}
