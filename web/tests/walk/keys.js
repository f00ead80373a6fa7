// A visitor without a mouse: everything is reached with Tab, and where the focus is can be seen.

import assert from 'node:assert/strict';

const FAR = 120;

export class Keys {
  /** How often Tab was pressed, and what it reached without showing so. */
  tabs = 0;
  unseen = new Set();

  constructor(page) {
    this.page = page;
  }

  press(...keys) {
    return keys.reduce((before, key) => before.then(() => this.page.keyboard.press(key)), Promise.resolve());
  }

  type(text) {
    return this.page.keyboard.type(text);
  }

  /** Goes on with Tab until what has the focus is called so. */
  async to(name, role) {
    const passed = [];
    for (let at = 0; at < FAR; at++) {
      const here = await this.page.evaluate(focused);
      if (here && name.test(here.name) && (!role || here.role === role)) return;
      passed.push(here?.name.slice(0, 24));
      await this.page.keyboard.press('Tab');
      this.tabs++;
      await this.#look();
    }
    assert.fail(`Tab does not reach ${name}, but ${passed.join(' | ')}`);
  }

  async open(name) {
    await this.to(name);
    await this.press('Enter');
  }

  /** Writes over what a field has. */
  async fill(name, text) {
    await this.to(name);
    await this.press('Control+a');
    await this.type(text);
  }

  async #look() {
    const here = await this.page.evaluate(focused);
    // Titles get the focus when a page comes, for those who listen, and need no ring.
    if (here && here.role !== 'h1' && !here.isSeen) this.unseen.add(`${here.role} ${here.name.slice(0, 40)}`);
  }
}

/** Runs in the page: what has the focus, what it is called, and whether that can be seen. */
function focused() {
  const element = document.activeElement;
  if (!element || element === document.body) return undefined;
  const named = element.getAttribute('aria-labelledby');
  const name =
    element.getAttribute('aria-label') ??
    (named ? document.getElementById(named)?.textContent : undefined) ??
    (element.labels?.[0] ?? element).textContent;
  const ring = (one) => {
    const style = one && getComputedStyle(one);
    return style && style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
  };
  const box = (element.nextElementSibling ?? element).getBoundingClientRect();
  return {
    name: name.replace(/\s+/g, ' ').trim(),
    role: element.getAttribute('role') ?? element.localName,
    // The rings of hidden radio buttons are around the words beside them.
    isSeen: ring(element) || (element.type === 'radio' && ring(element.nextElementSibling) && box.width > 0),
  };
}
