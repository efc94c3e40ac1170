"""What is measured in the browser of a page that everybody is to see, read and reach."""

CONTRAST = """() => {
  const parse = (text) => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const luminance = (colour) => colour.slice(0, 3)
    .map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
  const groundOf = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = parse(getComputedStyle(one).backgroundColor);
      if (colour[3] === 1) return colour;
      if (colour[3] > 0) throw new Error("a half transparent ground");
    }
    return [255, 255, 255, 1];
  };
  const ratio = (element, ink) => {
    const [high, low] = [luminance(parse(ink)), luminance(groundOf(element))]
      .sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    if (!element.checkVisibility()) continue;
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    const note = (text, pseudo) =>
      found.push([text, ratio(element, getComputedStyle(element, pseudo).color)]);
    if (own) note(element.textContent.trim(), null);
    if (element.placeholder) note(element.placeholder, "::placeholder");
  }
  return found;
}"""

NAMELESS = """() => [...document.querySelectorAll("a, button, input, textarea, select, summary")]
  .filter((one) => {
    const labels = [...(one.labels ?? [])].map((label) => label.textContent).join(" ");
    return !(one.ariaLabel || labels.trim() || one.textContent.trim());
  })
  .map((one) => one.outerHTML)"""

# Controls that are shown but too small to touch, or covered, or outside the window.
UNREACHABLE = """() => [...document.querySelectorAll("a, button, input, textarea, summary")]
  .filter((one) => one.checkVisibility() && !one.matches(".skip"))
  .filter((one) => !document.querySelector(":popover-open") || one.closest(":popover-open"))
  .filter((one) => {
    one.scrollIntoView({ block: "nearest" });
    const whole = one.closest("label") ?? one;
    const box = whole.getBoundingClientRect();
    const hit = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    const inside = box.left >= 0 && box.right <= innerWidth;
    const free = hit && (whole.contains(hit) || hit.contains(one));
    return !inside || !free || box.width < 24 || box.height < 24;
  })
  .map((one) => one.outerHTML)"""

SIDEWAYS = """() => [...document.querySelectorAll("html, body, #scroll, aside, dialog")]
  .filter((one) => one.scrollWidth > one.clientWidth)
  .map((one) => one.id || one.tagName)"""

# What slides in has come, and has its colours; what blinks never ends.
STILL = """async () => {
  for (let frame = 0; frame < 2; frame += 1) await new Promise(requestAnimationFrame);
  const ending = document.getAnimations().filter(
    (one) => one.effect.getComputedTiming().endTime !== Infinity,
  );
  await Promise.allSettled(ending.map((one) => one.finished));
}"""
