/* The reader's language: the page's texts in it, and how it writes numbers. */

import en from "/web/en.js";
import { kept } from "/web/kept.js";
import zh from "/web/zh.js";

const TABLES = { en: { ...en }, zh: { ...zh } };
const PLACES = { en: "en", zh: "zh-CN" }; // where the browser's own languages have none of it
const ATTRIBUTES = { label: "aria-label", title: "title", placeholder: "placeholder" };
const told = new EventTarget();

export let language = chosen();
let numbers = new Intl.NumberFormat(locale());

function chosen() {
  const wanted = [kept("localStorage", "language"), ...navigator.languages, "en"];
  return wanted.map((tag) => String(tag).split("-")[0]).find((tag) => tag in TABLES);
}

/* How numbers and times are written: as the browser is set up, where it speaks the language. */
export function locale() {
  return navigator.languages.find((tag) => tag.split("-")[0] === language) ?? PLACES[language];
}

/* Some things of which all are meant. */
export const listed = (items) => new Intl.ListFormat(locale()).format(items);

export const number = (value) => numbers.format(value ?? 0);

/* A text of the page; what stands in {braces} is taken from the values. */
export function t(name, values = {}) {
  const found = TABLES[language][name];
  const kind = () => new Intl.PluralRules(language).select(values.n);
  const text = typeof found === "object" ? (found[kind()] ?? found.other) : found;
  return text.replaceAll(/\{(\w+)\}/g, (_, key) =>
    typeof values[key] === "number" ? number(values[key]) : values[key],
  );
}

const ENDS = /[.!?…。！？][”"’)）]*$/u;

/* A text with a stop at its end. */
export const sentence = (text) => (!text || ENDS.test(text.trim()) ? text : `${text.trim()}${t("stopMark")}`);

/* A text in every language there is. */
export const inAll = (name) => Object.values(TABLES).map((table) => table[name]);

/* A text of what may have none of its own, such as a label of somebody's own classifier. */
export const known = (name, else_) => (Object.hasOwn(TABLES[language], name) ? t(name) : else_);

/* What a classifier or a template calls something, in words; of somebody's own as it is. */
export function labelled(name) {
  const { labels } = TABLES[language];
  return Object.hasOwn(labels, name) ? labels[name] : name.replaceAll("_", " ");
}

/* Take up the texts of a view, by language; they have names of their own. */
export function addTexts(tables) {
  for (const [tag, table] of Object.entries(tables)) Object.assign(TABLES[tag], table);
}

/* Write the texts of a part of the page: data-t names one, data-t-label one for an attribute. */
export function fill(root) {
  for (const element of root.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const [name, attribute] of Object.entries(ATTRIBUTES)) {
    for (const element of root.querySelectorAll(`[data-t-${name}]`)) {
      element.setAttribute(attribute, t(element.getAttribute(`data-t-${name}`)));
    }
  }
  for (const template of root.querySelectorAll("template")) fill(template.content);
}

export function fillPage() {
  numbers = new Intl.NumberFormat(locale());
  document.documentElement.lang = PLACES[language];
  fill(document);
}

export function speak(wanted) {
  kept("localStorage", "language", wanted);
  language = chosen();
  fillPage();
  told.dispatchEvent(new Event("change"));
}

/* Call something whenever the page is to be written in another language. */
export const onSpeak = (again) => told.addEventListener("change", again);
