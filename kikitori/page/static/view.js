// @ts-check
// The view of a transcript: player, timeline and rows; it can be corrected, copied and saved.
import { clock, make, strip } from "./dom.js";
import { Downloads } from "./downloads.js";
import { LANGUAGE_TAGS, languageName, makeWarning, say, speakerLabel, speakerName } from "./i18n.js";
import { offer } from "./offers.js";
import { colourOf, Player } from "./player.js";

const SEEK_ERROR_SECONDS = 0.001; // players land up to a microsecond before the place that they are sent to

/**
 * Letters of a turn from one place to another, with those that the model was unsure of marked.
 * @param {string[]} letters
 * @param {[number, number][]} lowConfidence
 * @param {number} from
 * @param {number} to
 */
function markLowConfidence(letters, lowConfidence, from, to) {
  const parts = [];
  let place = from;
  for (const [start, end] of lowConfidence.filter(([start, end]) => start < to && end > from)) {
    const [first, last] = [Math.max(start, from), Math.min(end, to)];
    parts.push(letters.slice(place, first).join(""));
    parts.push(make("mark", { title: say("doubt") }, letters.slice(first, last).join("")));
    place = last;
  }
  return [...parts, letters.slice(place, to).join("")].filter((part) => part !== "");
}

/**
 * The text of a turn. A click on a word whose time is known plays from there. Python counts characters, JavaScript
 * UTF-16 units, so the text is split into characters first.
 * @param {any} turn
 * @param {(seconds: number) => void} seek
 */
function makeText({ text, words, low_confidence: lowConfidence }, seek) {
  const letters = [...text];
  if (!words.length) return markLowConfidence(letters, lowConfidence, 0, letters.length);
  let place = 0;
  return words.map((/** @type {any} */ word) => {
    const from = place;
    place += [...word.text].length;
    const onclick = (/** @type {Event} */ event) => {
      event.stopPropagation();
      seek(word.start_seconds);
    };
    return make("span", { class: "word", onclick }, ...markLowConfidence(letters, lowConfidence, from, place));
  });
}

/** @param {any} warning */
const startOf = (warning) => warning.start_seconds ?? 0;

export class View {
  /**
   * @param {HTMLElement} element
   * @param {any} props of the Gradio component; `value` is what Python sent last, or what the visitor corrected.
   * @param {any} server functions of the Gradio component.
   */
  constructor(element, props, server) {
    this.props = props;
    this.server = server;
    /** @type {any[]} One per recording. */
    this.sheets = [];
    this.current = 0;
    this.running = false;
    this.editing = false;
    /** @type {string | null} The job whose values add to the sheets. */
    this.job = null;
    this.player = new Player(() => this.follow());
    this.downloads = new Downloads(this);
    this.choice = make("div");
    this.tools = make("div", { class: "tools" });
    this.rows = make("div", { class: "rows", tabindex: 0, role: "region", "aria-label": say("turns") });
    this.about = make("p", { class: "about" });
    element.replaceChildren(
      this.choice,
      this.player.element,
      this.tools,
      this.downloads.problem,
      this.rows,
      this.about,
    );
    this.show();
  }

  get sheet() {
    return this.sheets[Math.min(this.current, this.sheets.length - 1)];
  }

  /** All that is shown, as Python takes it. */
  whole() {
    const sheets = this.sheets.map(({ rawTexts, ...sheet }) => {
      if (!rawTexts) return sheet;
      return { ...sheet, transcript: { ...sheet.transcript, raw_text: rawTexts.join("\n") } };
    });
    return { sheets, running: this.running, current: this.current };
  }

  /** Show what Python sent: everything, or what is new. */
  show() {
    const value = this.props.value ?? {};
    const ends = this.running && !value.running;
    this.running = Boolean(value.running);
    if (this.running) this.editing = false;
    if (value.append) return this.append(value);
    this.job = null;
    this.sheets = value.sheets ?? [];
    this.current = value.current ?? Math.max(0, this.sheets.length - 1);
    this.render(ends);
  }

  /**
   * Add to a sheet; the cost does not depend on what it holds.
   * @param {any} value see GrowingView in kikitori/page/view.py
   */
  append({ job, sheet: number, append }) {
    this.job = job;
    const isNew = this.sheets.length <= number;
    if (isNew) {
      const transcript = { ...append.transcript, turns: [], warnings: [] };
      this.sheets = [...this.sheets, { transcript, times: [], rawTexts: [], sound: append.sound }];
    }
    const { kept } = append;
    const sheet = this.sheets[number];
    const { turns, warnings } = sheet.transcript;
    turns.splice(kept.turns, Infinity, ...append.transcript.turns);
    warnings.splice(kept.warnings, Infinity, ...append.transcript.warnings, ...append.partial);
    sheet.times.splice(kept.turns, Infinity, ...append.times);
    sheet.rawTexts.splice(kept.raw_texts, Infinity, ...append.raw_texts);
    sheet.transcript.duration_seconds = append.transcript.duration_seconds;
    sheet.transcript.language = append.transcript.language;
    sheet.speakers = append.speakers;
    sheet.estimated = append.estimated;
    if (isNew || this.current !== number) {
      this.current = number;
      this.render();
    } else {
      this.update(kept);
    }
  }

  /** @param {boolean} ends whether the job has just ended */
  render(ends = false) {
    const sheet = this.sheet;
    const atEnd = this.isAtEnd();
    const { scrollTop } = this.rows;
    for (const part of [this.choice, this.tools, this.downloads.problem, this.rows, this.about]) {
      part.replaceChildren();
    }
    /** @type {HTMLElement[]} One per turn. */
    this.lines = [];
    /** @type {HTMLElement[]} One per warning. */
    this.notes = [];
    /** @type {any} The row and the word that are being said. */
    this.said = {};
    if (!sheet) {
      this.player.show(null);
      this.rows.append(make("p", { class: "empty" }, say("empty")));
      return;
    }
    if (this.sheets.length > 1) this.choice.append(this.makeChoice());
    this.list = make("ol", { class: "turns" });
    this.rows.append(this.list);
    this.showTools();
    this.addRows(0);
    // Whoever looks at the end stays there, and reads from the start when the job is done. Whoever has scrolled up is
    // left there.
    this.rows.scrollTop = atEnd && ends ? 0 : atEnd && this.running ? this.rows.scrollHeight : scrollTop;
    this.showAbout();
    this.player.show(sheet);
  }

  /**
   * Replace the rows after those that are kept.
   * @param {any} kept
   */
  update(kept) {
    const atEnd = this.isAtEnd();
    for (const line of this.lines.splice(kept.turns)) line.remove();
    for (const note of this.notes.splice(kept.warnings)) note.remove();
    if (this.shownSpeakers !== this.sheet.speakers.join("\n")) this.showTools();
    this.addRows(kept.turns);
    if (atEnd) this.rows.scrollTop = this.rows.scrollHeight;
    this.showAbout();
    this.player.show(this.sheet, kept.turns);
  }

  isAtEnd() {
    return this.rows.scrollTop + this.rows.clientHeight > this.rows.scrollHeight - 8;
  }

  showAbout() {
    const { duration_seconds, language, checkpoint, turns } = this.sheet.transcript;
    const detected = turns.map((/** @type {any} */ turn) => turn.language).filter(Boolean);
    const languages = [...new Set(detected.length ? detected : [language])].filter(Boolean).map(languageName);
    this.about.textContent = [clock(duration_seconds), languages.join(", "), checkpoint].filter(Boolean).join(" · ");
  }

  showTools() {
    this.shownSpeakers = this.sheet.speakers.join("\n");
    this.tools.replaceChildren(...this.makeTools(this.sheet));
  }

  makeChoice() {
    const options = this.sheets.map(({ transcript }, number) =>
      make(
        "option",
        { value: number, selected: number === this.current },
        [transcript.audio, languageName(transcript.language)].filter(Boolean).join(" · "),
      ),
    );
    const onchange = (/** @type {any} */ event) => {
      this.current = Number(event.target.value);
      if (!this.running) this.props.value = this.whole();
      this.render();
    };
    return make("label", { class: "choice" }, say("recording"), make("select", { onchange }, ...options));
  }

  /** @param {string | null} speaker */
  colour(speaker) {
    return colourOf(this.sheet.speakers, speaker);
  }

  /** @param {any} sheet */
  makeTools({ speakers }) {
    const names = make(
      "span",
      { class: "speakers" },
      ...speakers.map((/** @type {string} */ name) => this.makeName(name)),
    );
    const onclick = () => {
      this.editing = !this.editing;
      this.render();
      this.tools.querySelector(".edit").focus();
    };
    const state = { "aria-pressed": String(this.editing), disabled: this.running };
    const edit = make("button", { class: "edit", ...state, onclick }, say("edit"));
    return [names, make("span", { class: "buttons" }, edit, ...this.downloads.makeButtons())];
  }

  /** @param {string} speaker */
  makeName(speaker) {
    const css = `name ${this.colour(speaker)}`;
    if (!this.editing) return make("span", { class: css }, speakerName(speaker));
    let name = speaker;
    const onchange = (/** @type {any} */ event) => {
      const wanted = speakerLabel(strip(event.target.value) || name, this.sheet.speakers);
      this.rename(name, wanted);
      name = wanted;
      event.target.value = speakerName(name);
    };
    const onkeydown = (/** @type {any} */ event) => event.key === "Enter" && event.target.blur();
    const label = { "aria-label": say("rename", speakerName(speaker)), title: say("rename", speakerName(speaker)) };
    return make("input", {
      class: css,
      value: speakerName(speaker),
      size: 10,
      maxlength: 60,
      ...label,
      onchange,
      onkeydown,
    });
  }

  /**
   * Make the rows from the first on, and warnings that are not shown yet, each before the row where its time begins.
   * @param {number} first
   */
  addRows(first) {
    const { transcript, times } = this.sheet;
    const told = (/** @type {any} */ warning) => warning.kind !== "partial" || !this.running;
    const waiting = transcript.warnings.slice(this.notes.length).filter(told);
    const notes = waiting.map((/** @type {any} */ warning) => offer(makeWarning(warning), warning, this.sheet));
    this.notes.push(...notes);
    const inOrder = waiting
      .map((/** @type {any} */ warning, /** @type {number} */ number) => [startOf(warning), notes[number]])
      .sort((/** @type {any} */ [one], /** @type {any} */ [two]) => one - two);
    const warn = (/** @type {number} */ until) => {
      while (inOrder.length && inOrder[0][0] <= until) this.list.append(/** @type {any} */ (inOrder.shift())[1]);
    };
    transcript.turns.slice(first).forEach((/** @type {any} */ turn, /** @type {number} */ number) => {
      const [start] = times[first + number];
      warn(start);
      const row = this.makeRow(turn, first + number, start);
      this.lines.push(row);
      this.list.append(row);
    });
    warn(Infinity);
  }

  /**
   * @param {any} turn
   * @param {number} number
   * @param {number} start
   */
  makeRow(turn, number, start) {
    const about = (this.sheet.estimated ? "~" : "") + clock(start);
    const hint = this.sheet.estimated ? say("estimated") : null;
    const time = make("button", { class: "time", "aria-label": say("play", clock(start)), title: hint }, about);
    const speaker = turn.speaker == null ? [] : [this.makeSpeaker(turn, number)];
    const who = make("span", { class: "who" }, ...speaker, time, ...this.makeLanguage(turn, number));
    const onclick = () => this.player.seek(start);
    const hidden = !this.editing && turn.text === ""; // its text was deleted, and can still be brought back
    const css = `turn ${this.colour(turn.speaker)}`;
    return make("li", { class: css, hidden, onclick }, who, this.makeWords(turn, number));
  }

  /**
   * The name of a turn's language where it differs from that of the turn before.
   * @param {any} turn
   * @param {number} number
   */
  makeLanguage({ language }, number) {
    const before = this.sheet.transcript.turns[number - 1]?.language;
    return language && language !== before ? [make("span", { class: "language" }, languageName(language))] : [];
  }

  /**
   * @param {any} turn
   * @param {number} number
   */
  makeSpeaker(turn, number) {
    if (!this.editing) return make("span", { class: "speaker" }, speakerName(turn.speaker));
    const onchange = (/** @type {any} */ event) => this.correct(number, { speaker: event.target.value });
    const onclick = (/** @type {Event} */ event) => event.stopPropagation();
    return make("select", { "aria-label": say("speaker"), onchange, onclick }, ...this.makeOptions(turn));
  }

  /** @param {any} turn */
  makeOptions(turn) {
    return this.sheet.speakers.map((/** @type {string} */ name) =>
      make("option", { value: name, selected: name === turn.speaker }, speakerName(name)),
    );
  }

  /**
   * @param {any} turn
   * @param {number} number
   */
  makeWords(turn, number) {
    const script = { class: "words", lang: this.tag(turn), dir: "auto" };
    if (!this.editing) {
      const said = make("span", script, ...makeText(turn, (seconds) => this.player.seek(seconds)));
      if (!turn.source) return said;
      const lang = this.sheet.transcript.language === "Japanese" ? "en" : "ja";
      return make("span", { class: "both" }, make("span", { class: "source", lang }, turn.source), said);
    }
    const onchange = (/** @type {any} */ event) => this.correct(number, { text: strip(event.target.value) });
    const rows = Math.ceil(turn.text.length / 30);
    const onclick = (/** @type {Event} */ event) => event.stopPropagation();
    return make("textarea", { ...script, rows, "aria-label": say("words"), onchange, onclick }, turn.text);
  }

  /**
   * The tag of a turn's language; undefined if it is not known.
   * @param {any} turn
   */
  tag({ language }) {
    return LANGUAGE_TAGS[language || this.sheet.transcript.language];
  }

  /**
   * Change one turn.
   * @param {number} number
   * @param {any} change
   */
  correct(number, change) {
    if ("text" in change) change = { ...change, words: [], low_confidence: [] };
    const { turns } = this.sheet.transcript;
    this.replace(
      turns.map((/** @type {any} */ turn, /** @type {number} */ at) => (at === number ? { ...turn, ...change } : turn)),
    );
  }

  /**
   * Give a speaker another name; an existing one merges the two.
   * @param {string} speaker
   * @param {string} name
   */
  rename(speaker, name) {
    const speakers = this.sheet.speakers.map((/** @type {string} */ other) => (other === speaker ? name : other));
    const { turns } = this.sheet.transcript;
    const renamed = (/** @type {any} */ turn) => (turn.speaker === speaker ? { ...turn, speaker: name } : turn);
    this.replace(turns.map(renamed), speakers);
  }

  /**
   * Keep a correction. What the visitor may be about to click on stays in place.
   * @param {any[]} turns
   * @param {string[]} speakers
   */
  replace(turns, speakers = this.sheet.speakers) {
    const transcript = { ...this.sheet.transcript, turns };
    const changed = { ...this.sheet, speakers: [...new Set(speakers)], transcript };
    this.sheets = this.sheets.map((sheet, number) => (number === this.current ? changed : sheet));
    this.props.value = this.whole();
    turns.forEach((turn, number) => {
      this.lines[number].className = `turn ${this.colour(turn.speaker)}`;
      this.lines[number].querySelector("select")?.replaceChildren(...this.makeOptions(turn));
    });
    this.player.show(changed);
  }

  /** Mark the row that is being said. */
  follow() {
    if (!this.sheet || !this.player.sheet) return;
    const now = this.player.now + SEEK_ERROR_SECONDS;
    const number = this.player.isInUse ? this.turnAt(now) : -1;
    const turn = this.sheet.transcript.turns[number];
    this.mark(this.lines[number], turn, now);
    if (turn && this.player.isPlaying) this.scrollTo(this.lines[number]);
  }

  /** @param {number} seconds */
  turnAt(seconds) {
    const { transcript, times } = this.sheet;
    return times.findLastIndex(
      (/** @type {[number, number]} */ [start, end], /** @type {number} */ number) =>
        transcript.turns[number].text !== "" && start <= seconds && seconds < end,
    );
  }

  /**
   * Mark a row and its word, and unmark those before.
   * @param {HTMLElement | undefined} line
   * @param {any} turn
   * @param {number} seconds
   */
  mark(line, turn, seconds) {
    const spoken = turn?.words.findLastIndex((/** @type {any} */ word) => word.start_seconds <= seconds);
    const word = line?.querySelectorAll(".word")[spoken];
    if (this.said.line !== line) this.said.line?.removeAttribute("aria-current");
    if (this.said.word !== word) this.said.word?.classList.remove("now");
    line?.setAttribute("aria-current", "true");
    word?.classList.add("now");
    this.said = { line, word };
  }

  /** @param {HTMLElement} line */
  scrollTo(line) {
    const top = line.offsetTop - this.rows.offsetTop;
    const bottom = top + line.offsetHeight;
    const isHidden = top < this.rows.scrollTop || bottom > this.rows.scrollTop + this.rows.clientHeight;
    if (isHidden) this.rows.scrollTop = top;
  }
}
