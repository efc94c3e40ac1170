/* What the browser keeps. */

/* Keep a value, if one is given, and return what is kept. A browser may refuse to keep any. */
export function kept(area, name, value) {
  try {
    if (value !== undefined) window[area].setItem(`memory.${name}`, JSON.stringify(value));
    return JSON.parse(window[area].getItem(`memory.${name}`));
  } catch {
    return null;
  }
}
