// @ts-check
// The texts that were read aloud: each belongs to its recording, and its comparison to the one that is shown.
import { make, press } from "./dom.js";
import { say } from "./i18n.js";
import { session } from "./session.js";

const TYPED = "kikitori-reference";
const COMPARE_BUTTON = "compare"; // its id (kikitori/page/tabs.py)
const FIELD_COMES_MS = 50;

/** @param {any} sheet */
const textOf = (sheet) => sheet.transcript.turns.map((/** @type {any} */ { text }) => text).join("\n");

export class Reference {
  /** @param {any} view */
  constructor(view) {
    this.view = view;
    /** @type {string[]} By sheet. */
    this.texts = [];
    /** What was typed on the start. It belongs to the first recording of the next job. */
    this.typed = session.get(TYPED) ?? "";
    /** Whether a job has begun whose first recording takes what was typed. */
    this.isAwaited = false;
    /** @type {number | null | undefined} The sheet whose text the field shows; null on the start. */
    this.owner = undefined;
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

  /** What the field shows. */
  get text() {
    return this.owner === null ? this.typed : (this.texts[this.owner ?? 0] ?? "");
  }

  /**
   * Another project takes the place of the one that was shown.
   * @param {string[]} texts of its sheets
   */
  open(texts = []) {
    this.texts = texts;
    this.isAwaited = false;
    this.owner = undefined;
    this.compared = null;
  }

  /** Show the text of the recording that is shown, and its comparison, if that is another one than before. */
  show() {
    const { view } = this;
    if (this.isAwaited && view.sheet) this.adopt();
    const owner = view.sheet ? view.sheets.indexOf(view.sheet) : null;
    if (owner !== this.owner) {
      this.owner = owner;
      this.fill();
    }
    this.check();
  }

  /** Give what was typed on the start to the first recording of the job, unless that has failed. */
  adopt() {
    const { files } = this.view;
    this.isAwaited = false;
    if (files.length && files[0].sheet !== 0) return;
    this.use(0, this.typed);
    this.keep("");
  }

  /** @param {string} typed on the start */
  keep(typed) {
    this.typed = typed;
    session.set(TYPED, typed || null);
  }

  /** Write into the field as a visitor would, when Gradio has made it, and compare. */
  fill() {
    const { field } = this;
    if (!this.panel?.querySelector(".reference")) return; // this tab compares nothing
    if (!field) return void setTimeout(() => this.fill(), FIELD_COMES_MS);
    this.isFilling = true;
    field.value = this.text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    this.isFilling = false;
    if (!this.view.isBusy) this.compare(); // else the end of the job does
  }

  /** The visitor has typed. */
  type() {
    const { field, owner } = this;
    if (!field || this.isFilling) return;
    if (typeof owner === "number") this.use(owner, field.value);
    else this.keep(field.value);
    this.check();
  }

  /**
   * @param {number} number of a sheet
   * @param {string} text that belongs to it from now on
   */
  use(number, text) {
    if (text === (this.texts[number] ?? "")) return;
    while (this.texts.length < number) this.texts.push("");
    this.texts[number] = text;
    this.view.keeper.saveSoon();
  }

  /**
   * A comparison of what is shown begins.
   * @returns {string} what it is compared with
   */
  begin() {
    const { field, owner, view } = this;
    const reference = field?.value ?? "";
    if (typeof owner === "number") {
      this.use(owner, reference);
      this.compared = { number: owner, text: textOf(view.sheet), reference };
    }
    return reference;
  }

  /** Compare what is shown, if there is a text. */
  compare() {
    this.card?.remove();
    if (typeof this.owner === "number" && this.text.trim()) press(COMPARE_BUTTON);
  }

  /** Say so if the card is not about what is shown any more; one about another recording goes. */
  check() {
    const { card, compared, owner, view } = this;
    const isShown = Boolean(card && compared && view.sheet);
    if (isShown && compared?.number !== owner) return this.compare();
    const isOld = isShown && (compared?.text !== textOf(view.sheet) || compared?.reference !== this.field?.value);
    this.note.hidden = !isOld;
    if (isOld && this.note.nextSibling !== card) card?.before(this.note);
  }
}
