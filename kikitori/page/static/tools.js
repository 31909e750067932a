// @ts-check
// What can be done with a transcript: undo, find, check unsure words, rename speakers, copy and download.
import { isComposing } from "./caret.js";
import { make, strip } from "./dom.js";
import { Finder } from "./finder.js";
import { formatPercent, say, speakerLabel, speakerName } from "./i18n.js";
import { wordButton } from "./icons.js";
import { colourOf } from "./player.js";
import { renameSpeaker, tickOff, unsurePlaces } from "./sheet.js";
import { showShortcuts } from "./shortcuts.js";
import { talkTimes, timeOf } from "./spoken.js";

/**
 * Where a place is after rows were changed, moved, split or joined; null if its row is not there any more.
 * @param {{ turn: number, from: number }} place
 * @param {any[]} before
 * @param {any[]} after
 */
export function placeAfter(place, before, after) {
  const moved = after.indexOf(before[place.turn]);
  if (moved >= 0) return { ...place, turn: moved };
  const isChanged = before.length === after.length && !before.includes(after[place.turn]);
  return isChanged ? place : null;
}

export class Tools {
  /** @param {any} view */
  constructor(view) {
    this.view = view;
    this.finder = new Finder(view);
    this.close = wordButton("close_project", { onclick: () => view.keeper.close() });
    this.undo = wordButton("undo", { class: "as-icon", onclick: () => view.undo() });
    this.redo = wordButton("redo", { class: "as-icon", onclick: () => view.redo() });
    this.find = wordButton("find", { "aria-expanded": "false", onclick: () => this.finder.toggle() });
    this.nextWords = make("span", { class: "button-words" });
    this.nextShort = make("span");
    this.next = this.makeNext();
    this.tick = wordButton("tick_off", { onclick: () => this.tickOff() });
    this.languages = this.makeLanguages();
    this.limits = wordButton("subtitle_limits", { "aria-pressed": "false", onclick: () => this.toggleLimits() });
    const help = make("button", { "aria-label": say("shortcuts"), onclick: () => showShortcuts(view.element) }, "?");
    this.speakers = make("div", { class: "speakers" });
    this.legend = make("p", { class: "limits-legend", hidden: true }, say("limits_legend"));
    this.files = make("span", { class: "files" }, ...view.downloads.buttons);
    this.element = make(
      "div",
      { class: "tools" },
      make(
        "div",
        { class: "buttons" },
        this.close,
        this.undo,
        this.redo,
        this.find,
        this.next,
        this.tick,
        this.languages,
        this.limits,
        help,
        this.files,
      ),
      this.finder.element,
      this.speakers,
      this.legend,
    );
    /** @type {{ turn: number, from: number } | null} The unsure place that was shown last. */
    this.place = null;
    /** @type {string | null} */
    this.shownSpeakers = null;
  }

  /** Show the state of the view. */
  show() {
    const { sheet, isBusy } = this.view;
    const places = unsurePlaces(sheet);
    this.showHistory();
    this.close.disabled = isBusy;
    this.find.disabled = isBusy;
    const place = this.placeIn(places);
    this.next.hidden = this.tick.hidden = !places.length;
    this.next.disabled = isBusy;
    this.tick.disabled = isBusy || place < 0;
    this.showNext(place, places.length);
    this.finder.show();
    this.showSpeakers();
    this.languages.hidden = !this.view.editor.hasSource;
  }

  /** Show whether something can be undone or redone. */
  showHistory() {
    const { history, isBusy } = this.view;
    this.undo.disabled = isBusy || !history.canUndo;
    this.redo.disabled = isBusy || !history.canRedo;
  }

  makeNext() {
    const short = make("span", { class: "button-short", "aria-hidden": "true" }, make("u", {}, "abc"), this.nextShort);
    return make("button", { class: "next-unsure", onclick: () => this.showUnsure() }, this.nextWords, short);
  }

  /**
   * How many unsure places there are; on a phone in short.
   * @param {number} place the one that is shown; -1 for none
   * @param {number} count
   */
  showNext(place, count) {
    const words = place < 0 ? say("unsure", count) : say("unsure_of", place + 1, count);
    const short = place < 0 ? String(count) : `${place + 1}/${count}`;
    this.next.title = words;
    this.nextWords.textContent = words;
    this.nextShort.textContent = ` ${short}`;
  }

  /** Speakers with their share of the time that is talked. */
  showSpeakers() {
    const { sheet, isBusy } = this.view;
    const talked = talkTimes(sheet);
    const total = [...talked.values()].reduce((sum, seconds) => sum + seconds, 0);
    const shares = [...talked].map(([name, seconds]) => [name, total ? formatPercent(seconds / total) : ""]);
    const shown = JSON.stringify([shares, isBusy]);
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
      readonly: this.view.isBusy,
      onfocus: (/** @type {any} */ event) => event.target.select(), // a new name replaces the old one
    });
    input.size = Math.max(4, [...shown].length);
    let label = speaker;
    const commit = () => {
      const { sheet } = this.view;
      if (!sheet) return; // the transcript was closed while the focus moved on
      const name = speakerLabel(strip(input.value), sheet.speakers) || label;
      if (name !== label) this.view.change(renameSpeaker(sheet, label, name));
      label = name;
      input.value = speakerName(name);
      this.showSpeakers();
    };
    input.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (isComposing(event)) return;
      if (event.key === "Escape") input.value = speakerName(label);
      if (["Enter", "Escape"].includes(event.key)) input.blur();
    });
    // What the focus moves to must not be made anew before it has arrived there.
    input.addEventListener("blur", (/** @type {FocusEvent} */ event) =>
      event.relatedTarget ? setTimeout(commit) : commit(),
    );
    return make("span", { class: css }, input, make("span", { class: "share" }, share));
  }

  /**
   * Which of the places is the one that was shown last; -1 if it is gone, because its words were corrected.
   * @param {{ turn: number, from: number }[]} places
   */
  placeIn(places) {
    const { turn, from } = this.place ?? { turn: -1, from: -1 };
    return places.findIndex((one) => one.turn === turn && one.from === from);
  }

  /**
   * Rows were changed, moved, split or joined.
   * @param {any[]} before
   * @param {any[]} after
   */
  noteTurns(before, after) {
    this.place = this.place && placeAfter(this.place, before, after);
  }

  /** Go to the next unsure place after the one that was shown last, and after the end to the first. */
  showUnsure() {
    const places = unsurePlaces(this.view.sheet);
    if (this.view.isBusy || !places.length) return;
    const { turn, from } = this.place ?? { turn: -1, from: -1 };
    const next = places.find((one) => one.turn > turn || (one.turn === turn && one.from > from)) ?? places[0];
    this.place = next;
    this.view.editor.select(next);
    this.view.player.seek(timeOf(this.view.sheet, next));
    this.show();
  }

  /** The visitor has checked the unsure place that is shown. */
  tickOff() {
    const places = unsurePlaces(this.view.sheet);
    const place = places[this.placeIn(places)];
    if (this.view.isBusy || !place) return;
    this.view.change(tickOff(this.view.sheet, place));
    if (places.length > 1) this.showUnsure();
    else this.view.editor.select(place); // the buttons disappear, and with them the focus
  }

  /** Show how fast each row has to be read, and how long it is, or hide it. */
  toggleLimits() {
    const isShown = this.view.editor.list.classList.toggle("with-limits");
    this.limits.setAttribute("aria-pressed", String(isShown));
    this.legend.hidden = !isShown;
  }

  /** Original, translation or both, where a translation has its original next to it. */
  makeLanguages() {
    const options = ["both", "translation", "original"].map((choice) =>
      make("option", { value: choice }, say(`shown_${choice}`)),
    );
    const onchange = (/** @type {any} */ event) => this.showLanguage(event.target.value);
    return make(
      "select",
      { "aria-label": say("languages_shown"), title: say("languages_shown"), onchange },
      ...options,
    );
  }

  /** @param {string} choice original, translation or both */
  showLanguage(choice) {
    this.view.editor.shown = choice;
    this.languages.value = choice;
    this.finder.show();
  }
}
