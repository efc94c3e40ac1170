/* An answer with its light formatting: bold, italic, code, lists, quotes and headings of Markdown.
 *
 * It is made of nodes and never of markup: whatever else stands in a text, HTML and links too, is
 * shown as it was written.
 */

const DEEP = 3; // lists within lists
// Each form is bounded, so that no text makes the search for its end long.
const INLINE = new RegExp(
  [
    /`(?<code>[^`\n]{1,500})`/,
    /\*\*(?=\S)(?<strong>[^*\n]{1,500})(?<=\S)\*\*/,
    /(?<![\p{L}\p{N}*])\*(?=[^\s*])(?<em>[^*\n]{1,500})(?<=\S)\*(?![\p{L}\p{N}*])/,
  ].map((one) => one.source).join("|"),
  "gu",
);
const FENCE = /^ {0,3}```/;
const ITEM = /^(?<indent> *)(?:[-*+]|(?<number>\d{1,9})[.)]) +(?=\S)(?<rest>.*)$/s;
const HEADING = /^ {0,3}#{1,6} +(?=\S)(?<rest>.*)$/s;
const QUOTE = /^ {0,3}> ?(?<rest>.*)$/s;
const FORMS = [FENCE, ITEM, HEADING, QUOTE];

/* The nodes of a text; of one without formatting the text itself. */
export function formatted(text) {
  const lines = text.split("\n");
  if (!lines.some((line) => FORMS.some((form) => form.test(line)))) return inline(text);
  return blocks(lines);
}

function made(tag, ...inside) {
  const element = document.createElement(tag);
  element.append(...inside);
  return element;
}

function inline(text) {
  const nodes = [];
  let from = 0;
  for (const { index, 0: whole, groups } of text.matchAll(INLINE)) {
    const [tag, said] = Object.entries(groups).find(([, found]) => found !== undefined);
    nodes.push(text.slice(from, index), made(tag, said));
    from = index + whole.length;
  }
  return [...nodes, text.slice(from)].filter((one) => one !== "");
}

function blocks(lines, deep = 0) {
  const nodes = [];
  for (let at = 0; at < lines.length; ) {
    const take = (test) => {
      const from = at;
      while (at < lines.length && test(lines[at])) at += 1;
      return lines.slice(from, at);
    };
    const line = lines[at];
    if (FENCE.test(line)) {
      at += 1;
      const code = take((one) => !FENCE.test(one));
      at += 1; // the fence at its end, if it has come yet
      nodes.push(made("pre", made("code", code.join("\n"))));
    } else if (HEADING.test(line)) {
      at += 1;
      nodes.push(made("p", made("strong", ...inline(line.match(HEADING).groups.rest))));
    } else if (QUOTE.test(line)) {
      const said = take((one) => QUOTE.test(one)).map((one) => one.match(QUOTE).groups.rest);
      nodes.push(made("blockquote", ...inline(said.join("\n"))));
    } else if (ITEM.test(line)) {
      nodes.push(list(take((one) => isOfList(one, line)), deep));
    } else {
      const said = take((one) => one.trim() && !FORMS.some((form) => form.test(one)));
      if (said.length) nodes.push(made("p", ...inline(said.join("\n"))));
      else at += 1;
    }
  }
  return nodes;
}

const indentOf = (line) => line.length - line.trimStart().length;
const isNumbered = (line) => line.match(ITEM).groups.number !== undefined;

/* Whether a line goes on with a list that begins with another: an item of its kind, or what stands
 * further in.
 */
function isOfList(line, first) {
  if (indentOf(line) > indentOf(first)) return line.trim() !== "";
  return ITEM.test(line) && indentOf(line) === indentOf(first) && isNumbered(line) === isNumbered(first);
}

function list(lines, deep) {
  const element = made(isNumbered(lines[0]) ? "ol" : "ul");
  if (isNumbered(lines[0])) element.start = Number(lines[0].match(ITEM).groups.number);
  const base = indentOf(lines[0]);
  for (let at = 0; at < lines.length; ) {
    const item = made("li", ...inline(lines[at].match(ITEM).groups.rest));
    const from = (at += 1);
    while (at < lines.length && indentOf(lines[at]) > base) at += 1;
    const inner = lines.slice(from, at);
    if (inner.length) item.append(...(deep < DEEP ? blocks(inner, deep + 1) : ["\n", ...inline(inner.join("\n"))]));
    element.append(item);
  }
  return element;
}
