// Markup with style attributes, set without them: the parser never sees style="", which the
// Content-Security-Policy refuses; the same declarations follow through the CSSOM, which it allows.

// One start tag with its attributes. Markup comes from Monaco, which quotes values and escapes "<"
// in text, so text that merely looks like an attribute is never inside a match.
const START_TAG = /<[a-z][^\s<>/]*(?:\s+[^\s=<>"]+(?:="[^"]*")?)*\s*\/?>/gi;
const STYLE_ATTRIBUTE = /\sstyle="/i;
const HELD = "data-csp-style";

/** Set `element.innerHTML`, style attributes included. */
export function setStyledHtml(element, html) {
  const markup = String(html);
  element.innerHTML = markup.replace(START_TAG, (tag) => tag.replace(STYLE_ATTRIBUTE, ` ${HELD}="`));
  for (const styled of element.querySelectorAll(`[${HELD}]`)) {
    styled.style.cssText = styled.getAttribute(HELD);
    styled.removeAttribute(HELD);
  }
}

/** Do what `element.insertAdjacentHTML(position, html)` does, style attributes included. */
export function insertStyledHtml(element, position, html) {
  const holder = document.createElement("div");
  setStyledHtml(holder, html);
  const nodes = [...holder.childNodes];
  switch (position) {
    case "beforebegin":
      return element.before(...nodes);
    case "afterbegin":
      return element.prepend(...nodes);
    case "beforeend":
      return element.append(...nodes);
    default:
      return element.after(...nodes);
  }
}
