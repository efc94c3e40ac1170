/* A session in a person's hands: handed over with a summary, and given back. */

import { inMine, isOn, onTranslated, ownTongue } from "/web/bilingual.js";
import { sheetOf } from "/web/card.js";
import { onRole, ownCustomer, tends } from "/web/key.js";
import { byId, explain, on, part } from "/web/parts.js";
import { here, isStored, place, sessionPath } from "/web/place.js";
import { lookAtQueue } from "/web/queue.js";
import { call, read } from "/web/service.js";
import { onSpeak, t } from "/web/texts.js";
import { moment } from "/web/times.js";

const roomy = matchMedia("(min-width: 600px)"); // for what else the field says
const LAST = 20; // messages in which what waits for an answer is looked for

let since = null; // when a person took the session that is shown over
let back = null; // the place that was given back while its customer was looking on
let where = null; // what place was shown
let told = null; // what the person was told
let inTheirs = true; // and whether in the customer's words

/* Whether who writes here is the person at the desk. */
export const inPerson = () => since !== null && tends();

/* Show who answers in the session. */
export function showHandover(at) {
  const own = ownCustomer() !== null;
  if (at) back = null;
  else if (own && since !== null && where === here()) back = here();
  [since, where] = [at ?? null, here()];
  byId("hand-over").hidden = !tends() || since !== null || !isStored();
  const box = byId("handed");
  const toYou = () => t(since ? "handedOverToYou" : "givenBack");
  const text = own ? toYou() : since && t("handedOver", { at: moment(since) });
  const seen = since !== null || back === where;
  if (box.hidden === seen) box.hidden = !seen;
  if (seen && part(box, "text").textContent !== text) part(box, "text").textContent = text;
  box.querySelector(".choices").hidden = !tends();
  byId("composer").dataset.by = inPerson() ? "person" : "customer";
  const writeAs = t(roomy.matches ? "writeAs" : "writeAsShort", { name: place.customer });
  const asked = inPerson() ? t("writeAsPerson") : own ? t("writeMessage") : writeAs;
  if (byId("message").placeholder !== asked) byId("message").placeholder = asked;
}

/* Wire the buttons up; look() reads what was said, say(text) tells what came of it. */
export function wireHandover({ look, say }) {
  async function hand(method) {
    const [where, answered] = [here(), await call(method, `${sessionPath()}/handover`)];
    const found = await answered.json();
    return where === here() ? found : null; // the reader may have gone elsewhere
  }

  /* The handover, with what was said last: it may be what nobody has answered. */
  async function take() {
    const found = await hand("PUT");
    if (!found) return null;
    const { messages: said } = await read(`${sessionPath(found.session.session)}/messages?limit=${LAST}`);
    return { ...found, said };
  }

  /* Show what the person was told, in the customer's words or in the person's language. */
  function showSheet() {
    const button = byId("translate-handover");
    button.hidden = !isOn();
    if (button.hidden) inTheirs = true;
    else button.textContent = inTheirs ? t("sheetTranslate", { language: ownTongue() }) : t("sheetOriginal");
    const { customer } = told;
    const as = inTheirs ? undefined : (text) => inMine({ customer, text, remember: false }) || text;
    byId("handover-sheet").value = sheetOf(told, customer, as);
  }

  async function begin() {
    const found = await take().catch((error) => error.status !== 401 && explain(byId("trouble"), error));
    if (!found) return;
    told = { ...found, customer: place.customer };
    inTheirs = true;
    showHandover(found.session.handed_over_at);
    lookAtQueue();
    showSheet();
    byId("handover-status").textContent = "";
    byId("handover").showModal();
    look();
  }

  async function end() {
    const found = await hand("DELETE").catch((error) => error.status !== 401 && explain(byId("trouble"), error));
    if (!found) return;
    showHandover(found.handed_over_at);
    lookAtQueue();
    say(t("givenBack"));
    byId("message").focus();
    look();
  }

  /* Where the browser lets no page copy, the text is chosen for who does it by hand. */
  async function copy() {
    const sheet = byId("handover-sheet");
    sheet.select();
    await navigator.clipboard?.writeText(sheet.value).then(
      () => (byId("handover-status").textContent = t("copied")),
      () => sheet.focus(),
    );
  }

  on("hand-over", "click", begin);
  on("show-handover", "click", begin);
  on("give-back", "click", end);
  on("copy-handover", "click", copy);
  on("translate-handover", "click", () => {
    inTheirs = !inTheirs;
    showSheet();
  });
  onTranslated(() => told && showSheet());
  byId("handover").onclose = () => byId("message").focus();
  onRole(() => showHandover(since));
  roomy.addEventListener("change", () => showHandover(since));
  onSpeak(() => {
    showHandover(since);
    if (told) showSheet();
  });
}
