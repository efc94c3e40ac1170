/* Summaries: a stored session or a pasted conversation in few words, by its own sentences and by
 * the model; each sentence leads to its message.
 */

import { offerCustomers } from "/web/customers.js";
import { faultInWords } from "/web/faults.js";
import { byId, explain, inFull, on, part, stamp } from "/web/parts.js";
import { inLine, place } from "/web/place.js";
import { pointAt } from "/web/scrolling.js";
import { call, read } from "/web/service.js";
import { addTexts, onSpeak, t } from "/web/texts.js";

import en from "/web/summaries/en.js";
import { messagesOf } from "/web/summaries/paste.js";
import zh from "/web/summaries/zh.js";

addTexts({ en, zh });

/* Wire the view up; open({ customer, session, message }) shows a message. */
export function wire({ section, open }) {
  const customer = byId("summaries-customer");
  const session = byId("summaries-session");
  let stopped = new AbortController(); // of what is being asked
  let listed = null; // whose sessions are to be chosen from
  let listing = null; // until they are
  let made = null; // what was asked, and what came of it

  const kind = () => section.querySelector("[name=summaries-of]:checked").value;

  function choose() {
    stopped.abort();
    byId("summaries-made").hidden = true;
    for (const one of section.querySelectorAll("[data-of]")) one.hidden = one.dataset.of !== kind();
    byId("summaries-wrong").textContent = "";
  }

  /* List the sessions of whoever is named. */
  function listSessions(wanted) {
    const name = customer.value.trim();
    if (name !== listed) listing = list((listed = name), wanted);
    return listing;
  }

  async function list(name, wanted) {
    const path = `/v1/customers/${encodeURIComponent(name)}/sessions?may_be_new=true`;
    const { sessions } = name ? await read(path).catch(() => ({ sessions: [] })) : { sessions: [] };
    if (listed !== name) return;
    session.replaceChildren(...sessions.map((one) =>
      new Option(`${inLine(one.session)} · ${t("messages", { n: one.messages })}`, one.session),
    ));
    session.disabled = !sessions.length;
    if (session.disabled) session.add(new Option(t("summariesNone"), ""));
    if (sessions.some((one) => one.session === wanted)) session.value = wanted;
  }

  /* What is to be summarised; null, with the reason, if that cannot be said. */
  function asked() {
    const of = kind();
    const messages = of === "pasted" ? messagesOf(byId("summaries-text").value) : null;
    const found = of === "pasted" ? messages && { messages } : session.value && { customer: listed, session: session.value };
    byId("summaries-wrong").textContent = found ? "" : t(of === "pasted" ? "summariesUnclear" : "summariesNoSession");
    return found || null;
  }

  async function summarise() {
    if (kind() === "stored") await listSessions();
    const body = asked();
    stopped.abort();
    byId("summaries-made").hidden = true;
    if (!body) return;
    const { signal } = (stopped = new AbortController());
    const ask = async (how) => (await call("POST", "/v1/summaries", { ...body, how }, signal)).json();
    byId("summaries-trouble").hidden = true;
    const written = ask("model").then(({ model }) => model ?? { none: true }, (error) => ({ error }));
    try {
      made = { body, ...(await ask("extractive")), model: null };
      if (signal.aborted) return;
      show();
      byId("summaries-own-title").scrollIntoView({ block: "nearest" });
      byId("summaries-status").textContent = t("summariesDone", { n: made.extractive.sentences.length });
      made.model = await written;
      if (!signal.aborted) showModel();
    } catch (error) {
      if (!signal.aborted && error.status !== 401) explain(byId("summaries-trouble"), error, summarise);
      stopped.abort(); // the model need not go on
    }
  }

  const whoSaid = ({ role }) => t(role === "human" ? "customer" : "agent");

  function show() {
    const { body, extractive, messages: count } = made;
    byId("summaries-of-count").textContent = t("summariesCount", { n: count });
    byId("summaries-own").replaceChildren(...extractive.sentences.map((one) => {
      const item = stamp("summaries-sentence-template");
      const [n, text] = [one.place + 1, one.text];
      part(item, "who").textContent = whoSaid(one);
      part(item, "text").textContent = text;
      const button = part(item, "source");
      button.textContent = t("summariesPlace", { n });
      button.setAttribute("aria-label", t("summariesSource", { n, text }));
      button.onclick = () => {
        if (!body.messages) return open({ ...body, message: one.message });
        const said = byId("summaries-said").children[one.place];
        said.scrollIntoView({ block: "center" });
        pointAt(said);
      };
      return item;
    }));
    byId("summaries-said").replaceChildren(...(body.messages ?? []).map((one, at) => {
      const item = stamp("summaries-said-template");
      part(item, "who").textContent = whoSaid(one);
      part(item, "number").textContent = t("summariesPlace", { n: at + 1 });
      part(item, "text").textContent = one.text;
      return item;
    }));
    byId("summaries-read").hidden = !body.messages;
    byId("summaries-made").hidden = false;
    showModel();
  }

  function showModel() {
    const { text = "", fault, none, error } = made.model ?? {};
    byId("summaries-model").textContent = text ?? "";
    byId("summaries-note").textContent = error
      ? t("summariesFailed", { why: inFull(error) })
      : fault ? t("summariesFault", { fault: faultInWords(fault) })
        : t(none ? "summariesNoModel" : "summariesWriting");
    if (made.model) byId("summaries-status").textContent = text || byId("summaries-note").textContent;
  }

  function clear() {
    [made, listed] = [null, null];
    byId("summaries-form").reset();
    session.replaceChildren();
    choose();
  }

  for (const choice of section.querySelectorAll("[name=summaries-of]")) choice.onchange = choose;
  offerCustomers(customer, byId("summaries-customers"));
  customer.addEventListener("change", () => listSessions());
  on("summaries-form", "submit", summarise);
  onSpeak(() => {
    const wanted = session.value;
    listed = null;
    listSessions(wanted);
    if (!byId("summaries-made").hidden) show();
  });
  return {
    shown() {
      if (!customer.value) customer.value = place.customer ?? "";
      listSessions(place.session);
    },
    clear,
  };
}
