// @ts-check
// What can be done with a transcript: undo, find, check unsure words, rename speakers, copy and download.
import { make, strip } from "./dom.js";
import { Finder } from "./finder.js";
import { formatPercent, say, speakerLabel, speakerName } from "./i18n.js";
import { colourOf } from "./player.js";
import { renameSpeaker, talkTimes, tickOff, unsurePlaces } from "./sheet.js";
import { showShortcuts } from "./shortcuts.js";

export class Tools {
  /** @param {any} view */
  constructor(view) {
    this.view = view;
    this.finder = new Finder(view);
    this.undo = make("button", { onclick: () => view.undo() }, say("undo"));
    this.redo = make("button", { onclick: () => view.redo() }, say("redo"));
    this.find = make("button", { "aria-expanded": "false", onclick: () => this.finder.toggle() }, say("find"));
    this.next = make("button", { class: "next-unsure", onclick: () => this.showUnsure(1) });
    this.tick = make("button", { onclick: () => this.tickOff() }, say("tick_off"));
    this.both = make("span", { role: "radiogroup", "aria-label": say("languages_shown"), class: "shown-languages" });
    this.speed = make("button", { "aria-pressed": "false", onclick: () => this.toggleSpeed() }, say("reading_speed"));
    const help = make("button", { "aria-label": say("shortcuts"), onclick: () => showShortcuts(view.element) }, "?");
    this.speakers = make("div", { class: "speakers" });
    this.files = make("span", { class: "files" }, ...view.downloads.buttons);
    const close = make("button", { onclick: () => view.close() }, say("close_project"));
    this.element = make(
      "div",
      { class: "tools" },
      make(
        "div",
        { class: "buttons" },
        close,
        this.undo,
        this.redo,
        this.find,
        this.next,
        this.tick,
        this.both,
        this.speed,
        help,
        this.files,
      ),
      this.finder.element,
      this.speakers,
    );
    /** The unsure place that was shown last. */
    this.place = -1;
    /** @type {string | null} */
    this.shownSpeakers = null;
  }

  /** Show the state of the view. */
  show() {
    const { sheet, running, history } = this.view;
    const places = unsurePlaces(sheet);
    this.undo.disabled = running || !history.canUndo;
    this.redo.disabled = running || !history.canRedo;
    this.find.disabled = running;
    this.place = Math.min(this.place, places.length - 1);
    this.next.hidden = this.tick.hidden = !places.length;
    this.next.disabled = running;
    this.tick.disabled = running || this.place < 0;
    this.next.textContent =
      this.place < 0 ? say("unsure", places.length) : say("unsure_of", this.place + 1, places.length);
    this.finder.show();
    this.showSpeakers();
    this.showLanguages();
  }

  /** Speakers with their share of the time that is talked. */
  showSpeakers() {
    const { sheet, running } = this.view;
    const talked = talkTimes(sheet);
    const total = [...talked.values()].reduce((sum, seconds) => sum + seconds, 0);
    const shares = [...talked].map(([name, seconds]) => [name, total ? formatPercent(seconds / total) : ""]);
    const shown = JSON.stringify([shares, running]);
    if (shown === this.shownSpeakers || this.speakers.contains(document.activeElement)) return;
    this.shownSpeakers = shown;
    this.speakers.replaceChildren(...shares.map(([name, share]) => this.makeName(name, share)));
  }

  /**
   * @param {string} speaker
   * @param {string} share
   */
  makeName(speaker, share) {
    const css = `name ${colourOf(this.view.sheet.speakers, speaker)}`;
    const shown = speakerName(speaker);
    const title = say("rename", shown);
    const input = make("input", {
      value: shown,
      maxlength: 60,
      "aria-label": title,
      title,
      readonly: this.view.running,
    });
    input.size = Math.max(4, [...shown].length);
    let label = speaker;
    const commit = () => {
      const { sheet } = this.view;
      const name = speakerLabel(strip(input.value), sheet.speakers) || label;
      if (name !== label) this.view.change(renameSpeaker(sheet, label, name));
      label = name;
      input.value = speakerName(name);
      this.showSpeakers();
    };
    input.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Escape") input.value = speakerName(label);
      if (["Enter", "Escape"].includes(event.key)) input.blur();
    });
    // What the focus moves to must not be made anew before it has arrived there.
    input.addEventListener("blur", (/** @type {FocusEvent} */ event) =>
      event.relatedTarget ? setTimeout(commit) : commit(),
    );
    return make("span", { class: css }, input, make("span", { class: "share" }, share));
  }

  /** Go to the next unsure place, or to the one before. */
  showUnsure(/** @type {number} */ step) {
    const places = unsurePlaces(this.view.sheet);
    if (!places.length) return;
    this.place = (Math.max(this.place + step, step < 0 ? -1 : 0) + places.length) % places.length;
    const place = places[this.place];
    this.view.editor.select(place);
    this.view.player.seek(this.view.timeOf(place));
    this.show();
  }

  /** The visitor has checked the unsure place that is shown. */
  tickOff() {
    const place = unsurePlaces(this.view.sheet)[this.place];
    if (!place) return;
    this.view.change(tickOff(this.view.sheet, place));
    this.place -= 1;
    this.showUnsure(1);
    this.show();
  }

  /** Show how fast each row has to be read, or hide it. */
  toggleSpeed() {
    const isShown = this.view.editor.list.classList.toggle("with-speed");
    this.speed.setAttribute("aria-pressed", String(isShown));
  }

  /** Original, translation or both, where a translation has its original next to it. */
  showLanguages() {
    const { sheet, editor } = this.view;
    const hasSource = sheet.transcript.turns.some((/** @type {any} */ turn) => turn.source);
    this.both.hidden = !hasSource;
    if (!hasSource || this.both.childElementCount) return;
    const group = `shown-${this.view.tab}`;
    const choices = ["both", "translation", "original"].map((choice) => {
      const onchange = () => (editor.list.dataset.shown = choice);
      const input = make("input", { type: "radio", name: group, value: choice, checked: choice === "both", onchange });
      return make("label", {}, input, say(`shown_${choice}`));
    });
    this.both.append(...choices);
  }
}
