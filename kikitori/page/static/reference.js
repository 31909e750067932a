// @ts-check
// The text that was read aloud. It belongs to its project, and its comparison to the recording that is shown.
import { make } from "./dom.js";
import { say } from "./i18n.js";
import { session } from "./keeping.js";
import { press } from "./offers.js";

const TYPED = "kikitori-reference";
const COMPARE_BUTTON = "compare"; // its id (kikitori/page/tabs.py)
const FIELD_COMES_MS = 50;

/** @param {any} sheet */
const textOf = (sheet) => sheet.transcript.turns.map((/** @type {any} */ { text }) => text).join("\n");

export class Reference {
  /** @param {any} view */
  constructor(view) {
    this.view = view;
    /** The text that belongs to the project: one that was compared, or typed next to the transcript. */
    this.used = "";
    /** @type {{ number: number, text: string, reference: string } | null} What was compared last. */
    this.compared = null;
    /** Whether the script writes into the field, not the visitor. */
    this.isFilling = false;
    const again = make("button", { class: "plain", onclick: () => press(COMPARE_BUTTON) }, say("compare_again"));
    this.note = make("p", { class: "speech-warning", role: "status", hidden: true }, say("score_outdated"), " ", again);
  }

  get panel() {
    return this.view.element.closest("[role=tabpanel]");
  }

  /** @returns {HTMLTextAreaElement | null} The tab's field, if it has one and that is there yet. */
  get field() {
    return this.panel?.querySelector(".reference textarea") ?? null;
  }

  /** @returns {Element | undefined} This runs at each change: by their class, elements are found without a walk. */
  get card() {
    return this.panel?.getElementsByClassName("score-card")[0];
  }

  /** Show again what was typed before the page was loaded again. */
  restore() {
    const typed = session.get(TYPED);
    if (typed) this.fill(typed);
  }

  /** Another project takes the place of the one that was shown. The field keeps its text, which may be the next one's. */
  forget() {
    this.used = "";
    this.compared = null;
  }

  /**
   * Show a project's text, and compare it. A project without one leaves what was typed.
   * @param {string} [text]
   */
  open(text = "") {
    this.used = text;
    if (text) this.fill(text, () => this.compare());
  }

  /**
   * Write into the field as a visitor would, when Gradio has made it.
   * @param {string} text
   * @param {() => void} then
   */
  fill(text, then = () => {}) {
    const { field } = this;
    if (!this.panel?.querySelector(".reference")) return; // this tab compares nothing
    if (!field) return void setTimeout(() => this.fill(text, then), FIELD_COMES_MS);
    this.isFilling = true;
    field.value = text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    this.isFilling = false;
    then();
  }

  /** The visitor has typed. */
  type() {
    const { field, view } = this;
    if (!field || this.isFilling) return;
    session.set(TYPED, field.value);
    if (view.sheet && !view.isBusy) this.use(field.value);
    this.check();
  }

  /** @param {string} text that belongs to the project from now on */
  use(text) {
    if (text === this.used) return;
    this.used = text;
    this.view.keeper.saveSoon();
  }

  /** A comparison of what is shown begins. */
  begin() {
    const { field, view } = this;
    if (!field || !view.sheet) return;
    this.use(field.value);
    this.compared = { number: view.current, text: textOf(view.sheet), reference: field.value };
  }

  /** Compare what is shown, if there is a text. */
  compare() {
    this.card?.remove();
    if (this.field?.value.trim()) press(COMPARE_BUTTON);
  }

  /** Compare again if another recording is shown. Say so if the text is not the one that was compared. */
  check() {
    const { card, compared, view } = this;
    const isShown = Boolean(card && compared && view.sheet);
    if (isShown && compared?.number !== view.current) return this.compare();
    const isOld = isShown && (compared?.text !== textOf(view.sheet) || compared?.reference !== this.field?.value);
    this.note.hidden = !isOld;
    if (isOld && this.note.nextSibling !== card) card?.before(this.note);
  }
}
