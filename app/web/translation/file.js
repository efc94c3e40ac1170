/* A file of translations: its text, whatever it is encoded in, and parts that can be sent. */

const PART = 2_000_000; // letters that are sent at once

/* The text of a file; null if it cannot be told in which encoding it is. */
export async function textOf(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const [first, second] = bytes;
  if (second === 0 || (first === 0xff && second === 0xfe)) return decoded(bytes, "utf-16le"); // as many tools write TMX
  if (first === 0 || (first === 0xfe && second === 0xff)) return decoded(bytes, "utf-16be");
  const begins = new TextDecoder("latin1").decode(bytes.subarray(0, 200));
  const [, named] = /^\s*<\?xml[^>]*encoding=["']([\w-]+)/i.exec(begins) ?? [];
  return decoded(bytes, "utf-8") ?? (named ? decoded(bytes, named) : null);
}

function decoded(bytes, encoding) {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

/* Whether it is TMX: it may be called anything. */
export const formatOf = (text) => (/^\s*</.test(text) ? "tmx" : "csv");

/* The text in parts that are files as it is; a table is one. */
export function parts(text, format) {
  const [start, end] = [text.search(/<tu[\s>]/), text.lastIndexOf("</tu>") + "</tu>".length];
  if (format !== "tmx" || text.length <= PART || start < 0 || end <= start) return [text];
  const [head, tail] = [text.slice(0, start), text.slice(end)];
  const made = [];
  for (let at = start; at < end; ) {
    const cut = text.indexOf("</tu>", Math.min(at + PART, end - "</tu>".length)) + "</tu>".length;
    made.push(head + text.slice(at, cut) + tail);
    at = cut;
  }
  return made;
}
