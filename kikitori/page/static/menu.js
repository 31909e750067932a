// @ts-check
// A button that opens a menu, with the keys of WAI-ARIA's menu button pattern.
import { make } from "./dom.js";
import { say } from "./i18n.js";
import { wordButton } from "./icons.js";
import { pageBody } from "./toast.js";

const MENU_STEPS = /** @type {Record<string, number>} */ ({ ArrowDown: 1, ArrowUp: -1 });

export class Menu {
  /**
   * @param {"download"} key of the button's icon and words
   * @param {() => HTMLElement[]} makeItems makes the content when the menu is opened, with `menuItem` and `menuChoice`
   */
  constructor(key, makeItems) {
    this.makeItems = makeItems;
    const onclick = () => (this.isOpen ? this.close() : this.open(0));
    const onkeydown = (/** @type {KeyboardEvent} */ event) => this.press(event);
    this.button = wordButton(key, { "aria-haspopup": "menu", "aria-expanded": "false", onclick });
    this.list = make("div", { class: "menu", role: "menu", "aria-label": say(key), hidden: true });
    this.element = make("span", { class: "menu-button", onkeydown }, this.button, this.list);
    this.closeOutside = (/** @type {Event} */ { target }) => {
      if (!this.element.contains(target)) this.close(false);
    };
  }

  get isOpen() {
    return !this.list.hidden;
  }

  /** @returns {HTMLElement[]} */
  get items() {
    return [...this.list.querySelectorAll("[role^=menuitem]")];
  }

  /** @param {number} number of the item that gets the focus; -1 is the last one */
  open(number) {
    this.list.replaceChildren(...this.makeItems());
    this.setOpen(true);
    this.list.scrollIntoView({ block: "nearest" });
    this.items.at(number)?.focus({ preventScroll: number === 0 });
  }

  /** @param {boolean} returnsFocus */
  close(returnsFocus = true) {
    this.setOpen(false);
    if (returnsFocus) this.button.focus();
  }

  /** @param {boolean} isOpen */
  setOpen(isOpen) {
    this.list.hidden = !isOpen;
    pageBody().toggleAttribute("data-has-menu", isOpen);
    this.button.setAttribute("aria-expanded", String(isOpen));
    for (const event of ["pointerdown", "focusin"]) {
      if (isOpen) document.addEventListener(event, this.closeOutside);
      else document.removeEventListener(event, this.closeOutside);
    }
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    const { key } = event;
    const last = this.items.length - 1;
    const at = this.items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    if (!this.isOpen) {
      if (!(key in MENU_STEPS)) return;
      this.open(key === "ArrowDown" ? 0 : -1);
    } else if (key in MENU_STEPS) this.items.at((at + MENU_STEPS[key]) % (last + 1))?.focus();
    else if (key === "Home" || key === "End") this.items[key === "Home" ? 0 : last].focus();
    else if (key === "Escape") this.close();
    else {
      if (key === "Tab") this.close(); // the key then leaves the button
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }
}

/**
 * Make an item of a menu.
 * @param {string} text
 * @param {() => void} onclick
 * @param {Record<string, any>} attributes
 */
export const menuItem = (text, onclick, attributes = {}) =>
  make("button", { role: "menuitem", tabindex: -1, ...attributes, onclick }, text);

/**
 * Make a group of items, one of which is chosen.
 * @param {string} label
 * @param {Record<string, string>} texts value -> text
 * @param {string} chosen value
 * @param {(value: string) => void} choose
 */
export function menuChoice(label, texts, chosen, choose) {
  const group = make("div", { role: "group", "aria-label": label });
  for (const [value, text] of Object.entries(texts)) {
    const onclick = () => {
      for (const item of group.children) item.setAttribute("aria-checked", String(item === button));
      choose(value);
    };
    const button = menuItem(text, onclick, { role: "menuitemradio", "aria-checked": String(value === chosen) });
    group.append(button);
  }
  return group;
}
