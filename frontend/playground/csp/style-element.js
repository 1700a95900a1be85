// <csp-style>: stands in for a <style> element that a script makes. While it is in a document or a
// shadow tree, a constructed stylesheet applies there, which style-src 'self' allows.

class CspStyle extends HTMLElement {
  #sheet = new CSSStyleSheet();
  #root = null;

  connectedCallback() {
    this.#root = this.getRootNode();
    this.#root.adoptedStyleSheets = [...this.#root.adoptedStyleSheets, this.#sheet];
  }

  disconnectedCallback() {
    this.#root.adoptedStyleSheets = this.#root.adoptedStyleSheets.filter((sheet) => sheet !== this.#sheet);
    this.#root = null;
  }

  /** As for <style>, null outside the document. */
  get sheet() {
    return this.isConnected ? this.#sheet : null;
  }

  get textContent() {
    return [...this.#sheet.cssRules].map((rule) => rule.cssText).join("\n");
  }

  set textContent(css) {
    this.#sheet.replaceSync(css ?? "");
  }

  get innerText() {
    return this.textContent;
  }

  set innerText(css) {
    this.textContent = css;
  }

  set media(query) {
    this.#sheet.media.mediaText = query;
  }

  appendChild(node) {
    this.textContent += `\n${node.textContent}`;
    return node;
  }
}

customElements.define("csp-style", CspStyle);
