// The view of a transcript: player, timeline, rows; it can be corrected, copied and saved.
// What a model or a visitor wrote becomes text nodes and values, never HTML.
window.speechPage = (() => {
  const texts = window.speechTexts[["ja", "pt"].find((tag) => navigator.language.startsWith(tag)) ?? "en"];
  const FORMATS = ["txt", "srt", "vtt", "tsv", "json", "rttm"];
  const LANGUAGE_TAGS = { Japanese: "ja", English: "en", Portuguese: "pt" };
  const LANE = 14; // height in the timeline's units; it is 1000 wide

  const say = (key, ...values) => texts[key].replace(/\{(\d)\}/g, (_, number) => values[number]);

  function make(tag, attributes = {}, ...children) {
    const svg = ["svg", "rect", "line"].includes(tag);
    const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value !== false && value != null) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children);
    return element;
  }

  function clock(seconds) {
    const [hours, minutes, rest] = [seconds / 3600, (seconds / 60) % 60, seconds % 60].map(Math.floor);
    const padded = (number) => String(number).padStart(2, "0");
    return hours ? `${hours}:${padded(minutes)}:${padded(rest)}` : `${minutes}:${padded(rest)}`;
  }

  function fileAddress(path) {
    const { root = "", api_prefix = "/gradio_api" } = window.gradio_config ?? {};
    return `${root}${api_prefix}/file=${path.split("/").map(encodeURIComponent).join("/")}`;
  }

  // What there is to say while a job runs, or why it could not: `value` is {done, total, left, draft}, {stopped},
  // {errors}, or nothing.
  function showMessage(element, value) {
    if (!value) return element.replaceChildren();
    if (value.stopped) return element.replaceChildren(make("p", { class: "stopped", role: "status" }, say("stopped")));
    if (value.errors) {
      const sentences = value.errors.map((error) => makeSentence(error));
      return element.replaceChildren(make("div", { class: "error", role: "alert" }, ...sentences));
    }
    const { done, total, left, draft = [] } = value;
    const parts = [done ? (total ? say("of", clock(done), clock(total)) : clock(done)) : say("waiting")];
    if (left != null) parts.push(say("left", clock(left)));
    const bar = make("progress", { ...(total ? { value: done, max: total } : {}), "aria-label": parts[0] });
    const begins = !element.childElementCount;
    const status = make("p", { class: "progress", role: "status" }, bar, make("span", {}, parts.join(" · ")));
    const written = make("div", { class: "draft", hidden: !draft.length }, ...draft.map((text) => make("p", {}, text)));
    element.replaceChildren(status, written);
    written.scrollTop = written.scrollHeight;
    // On a phone what happens would happen below the screen.
    if (begins && matchMedia("(max-width: 700px)").matches) element.scrollIntoView({ block: "start" });
  }

  // What Python says in English, in the visitor's language where page/languages/ has it.
  function makeSentence({ text, code, values }) {
    const known = texts.errors[code];
    const shown = known?.replace(/\{(\w+)\}/g, (_, name) => values[name]) ?? text;
    return make("div", { lang: known ? null : "en" }, shown);
  }

  function makeWarning({ kind, message, start_seconds: start, end_seconds: end }) {
    const known = texts.warnings[kind];
    const when = start == null ? "" : `${start < end ? `${clock(start)}–${clock(end)}` : clock(start)}: `;
    return make("li", { class: "warning", lang: known ? null : "en" }, known ? when + known : message);
  }

  // Letters of a turn from one place to another, what the model was unsure of marked.
  function markDoubts(letters, low_confidence, from, to) {
    const parts = [];
    let place = from;
    for (const [start, end] of low_confidence.filter(([start, end]) => start < to && end > from)) {
      const [first, last] = [Math.max(start, from), Math.min(end, to)];
      parts.push(letters.slice(place, first).join(""));
      parts.push(make("mark", { title: say("doubt") }, letters.slice(first, last).join("")));
      place = last;
    }
    return [...parts, letters.slice(place, to).join("")].filter((part) => part !== "");
  }

  // The text of a turn; a word whose time is known leads the player. Python counts characters, JavaScript their halves.
  function makeText({ text, words, low_confidence }, seek) {
    const letters = [...text];
    let place = 0;
    const spoken = words.map((word) => {
      const from = place;
      place += [...word.text].length;
      const onclick = (event) => {
        event.stopPropagation();
        seek(word.start_seconds);
      };
      return make("span", { class: "word", onclick }, ...markDoubts(letters, low_confidence, from, place));
    });
    return spoken.length ? spoken : markDoubts(letters, low_confidence, 0, letters.length);
  }

  // How a transcript differs from its reference: `value` is what page/comparing.py gives, errors, or nothing.
  function showComparison(element, value) {
    if (!value || value.errors) return showMessage(element, value);
    const rate = ({ errors, length }) => `${((100 * errors) / length).toFixed(1)} %`;
    const sentence = (key, counts) => say(key, rate(counts), counts.errors, counts.length);
    const rates = [sentence("words_wrong", value.words), sentence("characters_wrong", value.characters)];
    const pieces = value.pieces.flatMap(({ same, expected, written }) => {
      if (same) return [`${written} `];
      const parts = [expected && make("del", {}, expected), written && make("ins", {}, written)];
      return parts.filter(Boolean).flatMap((part) => [part, " "]);
    });
    const legend = [make("del", {}, say("missing")), " · ", make("ins", {}, say("added"))];
    element.replaceChildren(
      make("p", { class: "rates" }, rates.join(" · ")),
      make("p", { class: "compared" }, ...pieces),
      make("p", { class: "legend" }, ...legend),
    );
  }

  class View {
    constructor(element, props, server) {
      this.props = props;
      this.server = server;
      this.current = 0;
      this.editing = false;
      this.audio = make("audio", {
        controls: true,
        preload: "metadata",
        "aria-label": say("player"),
        ontimeupdate: () => this.follow(),
        onloadedmetadata: () => (this.player.hidden = false),
        onerror: () => (this.player.hidden = true), // a format that this browser does not play
      });
      this.caption = make("p", { class: "caption" });
      this.player = make("div", { class: "player", hidden: true }, this.audio, this.caption);
      this.choice = make("div");
      this.timeline = make("div");
      this.tools = make("div", { class: "tools" });
      this.rows = make("div", { class: "rows", tabindex: 0, role: "region", "aria-label": say("turns") });
      this.about = make("p", { class: "about" });
      element.replaceChildren(
        this.choice, this.player, this.timeline, this.tools, this.rows, this.about,
      );
      this.show();
    }

    get sheets() {
      return this.props.value?.sheets ?? [];
    }

    get sheet() {
      return this.sheets[Math.min(this.current, this.sheets.length - 1)];
    }

    // What Python sent is new: nothing of it was corrected yet.
    show() {
      const { running, current } = this.props.value ?? {};
      if (running) this.editing = false;
      this.current = current ?? Math.max(0, this.sheets.length - 1);
      this.render();
    }

    render() {
      const sheet = this.sheet;
      const { scrollTop, scrollHeight, clientHeight } = this.rows;
      const isAtEnd = scrollTop + clientHeight > scrollHeight - 8;
      const { running = false } = this.props.value ?? {};
      const ends = this.running && !running;
      this.running = running;
      for (const part of [this.choice, this.timeline, this.tools, this.rows, this.about]) part.replaceChildren();
      this.lines = [];
      if (!sheet) {
        this.player.hidden = true;
        this.audio.removeAttribute("src");
        this.rows.append(make("p", { class: "empty" }, say("empty")));
        return;
      }
      if (this.sound !== sheet.sound) {
        this.sound = sheet.sound;
        this.player.hidden = true;
        this.audio.src = fileAddress(sheet.sound);
      }
      if (this.sheets.length > 1) this.choice.append(this.makeChoice());
      this.timeline.style.minHeight = "";
      this.timeline.append(this.makeTimeline(sheet));
      this.tools.append(...this.makeTools(sheet));
      this.rows.append(this.makeRows(sheet));
      // Who looks at the end goes on looking at it, and reads from the start when all is there; who has scrolled up is
      // left there.
      this.rows.scrollTop = isAtEnd && ends ? 0 : isAtEnd && running ? this.rows.scrollHeight : scrollTop;
      const { duration_seconds, language, checkpoint } = sheet.transcript;
      this.about.append([clock(duration_seconds), language, checkpoint].join(" · "));
      this.follow();
    }

    makeChoice() {
      const options = this.sheets.map((sheet, number) =>
        make("option", { value: number, selected: number === this.current }, `${sheet.transcript.audio} · ${sheet.transcript.language}`),
      );
      const onchange = (event) => {
        this.current = Number(event.target.value);
        this.props.value = { ...this.props.value, current: this.current };
        this.render();
      };
      return make("label", { class: "choice" }, say("recording"), make("select", { onchange }, ...options));
    }

    colour(speaker) {
      const number = this.sheet.speakers.indexOf(speaker);
      return number < 0 ? "" : `speaker-${number % 8}`;
    }

    makeTimeline({ transcript, times, speakers }) {
      const lanes = speakers.length ? speakers : [null];
      const scale = 1000 / Math.max(transcript.duration_seconds, 0.001);
      const height = lanes.length * LANE;
      const bars = transcript.turns.flatMap((turn, number) => {
        if (turn.text === "") return [];
        const [start, end] = times[number];
        const lane = Math.max(0, lanes.indexOf(turn.speaker));
        const place = { x: start * scale, y: lane * LANE + 2, width: Math.max(1, (end - start) * scale) };
        return make("rect", { ...place, height: LANE - 4, rx: 2, class: `bar ${this.colour(turn.speaker)}` });
      });
      this.playhead = make("line", { x1: 0, x2: 0, y1: 0, y2: height, class: "playhead" });
      const onclick = (event) => {
        const box = event.currentTarget.getBoundingClientRect();
        this.seek(((event.clientX - box.left) / box.width) * transcript.duration_seconds);
      };
      const frame = { viewBox: `0 0 1000 ${height}`, preserveAspectRatio: "none", style: `height: ${height}px` };
      const label = { role: "img", "aria-label": say("timeline"), class: "timeline" };
      return make("svg", { ...frame, ...label, onclick }, ...bars, this.playhead);
    }

    makeTools({ speakers }) {
      const names = make("span", { class: "speakers" }, ...speakers.map((speaker) => this.makeName(speaker)));
      const onclick = () => {
        this.editing = !this.editing;
        this.render();
        this.tools.querySelector(".edit").focus();
      };
      const running = Boolean(this.props.value.running);
      const edit = make(
        "button", { class: "edit", "aria-pressed": String(this.editing), disabled: running, onclick }, say("edit"),
      );
      const copy = make("button", { onclick: (event) => this.copy(event.target) }, say("copy"));
      const saves = FORMATS.map((suffix) => {
        const name = suffix.toUpperCase();
        return make("button", { "aria-label": say("save", name), onclick: () => this.save(suffix) }, name);
      });
      return [names, make("span", { class: "buttons" }, edit, copy, ...saves)];
    }

    makeName(speaker) {
      const css = `name ${this.colour(speaker)}`;
      if (!this.editing) return make("span", { class: css }, speaker);
      let name = speaker;
      const onchange = (event) => {
        const wanted = event.target.value.trim() || name;
        this.rename(name, wanted);
        event.target.value = name = wanted;
      };
      const onkeydown = (event) => event.key === "Enter" && event.target.blur();
      const label = { "aria-label": say("rename", speaker), title: say("rename", speaker) };
      return make("input", { class: css, value: speaker, size: 10, maxlength: 60, ...label, onchange, onkeydown });
    }

    makeRows({ transcript, times }) {
      const list = make("ol", { class: "turns", lang: LANGUAGE_TAGS[transcript.language] });
      const told = transcript.warnings.filter(({ kind }) => kind !== "partial" || !this.props.value.running);
      const warnings = told.sort((a, b) => (a.start_seconds ?? 0) - (b.start_seconds ?? 0));
      const warn = (until) => {
        while (warnings.length && (warnings[0].start_seconds ?? 0) <= until) {
          list.append(makeWarning(warnings.shift()));
        }
      };
      transcript.turns.forEach((turn, number) => {
        warn(times[number][0]);
        this.lines.push(this.makeRow(turn, number, times[number][0]));
        list.append(this.lines.at(-1));
      });
      warn(Infinity);
      return list;
    }

    makeRow(turn, number, start) {
      const about = (this.sheet.estimated ? "~" : "") + clock(start);
      const hint = this.sheet.estimated ? say("estimated") : null;
      const time = make("button", { class: "time", "aria-label": say("play", clock(start)), title: hint }, about);
      const who = make("span", { class: "who" }, ...(turn.speaker == null ? [] : [this.makeSpeaker(turn, number)]), time);
      const onclick = () => this.seek(start);
      const hidden = !this.editing && turn.text === ""; // all of its text was deleted: it can still be brought back
      const css = `turn ${this.colour(turn.speaker)}`;
      return make("li", { class: css, hidden, onclick }, who, this.makeWords(turn, number));
    }

    makeSpeaker(turn, number) {
      if (!this.editing) return make("span", { class: "speaker" }, turn.speaker);
      const onchange = (event) => this.correct(number, { speaker: event.target.value });
      const onclick = (event) => event.stopPropagation();
      return make("select", { "aria-label": say("speaker"), onchange, onclick }, ...this.makeOptions(turn));
    }

    makeOptions(turn) {
      return this.sheet.speakers.map((name) => make("option", { selected: name === turn.speaker }, name));
    }

    makeWords(turn, number) {
      if (!this.editing) {
        const said = make("span", { class: "words" }, ...makeText(turn, (seconds) => this.seek(seconds)));
        if (!turn.source) return said;
        const lang = this.sheet.transcript.language === "Japanese" ? "en" : "ja";
        return make("span", { class: "both" }, make("span", { class: "source", lang }, turn.source), said);
      }
      const onchange = (event) => this.correct(number, { text: event.target.value.trim() });
      const rows = Math.ceil(turn.text.length / 30);
      const onclick = (event) => event.stopPropagation();
      return make("textarea", { class: "words", rows, "aria-label": say("words"), onchange, onclick }, turn.text);
    }

    correct(number, change) {
      if ("text" in change) change = { ...change, words: [], low_confidence: [] };
      this.replace(this.sheet.transcript.turns.map((turn, at) => (at === number ? { ...turn, ...change } : turn)));
    }

    rename(speaker, name) {
      const speakers = this.sheet.speakers.map((other) => (other === speaker ? name : other));
      const turns = this.sheet.transcript.turns.map((turn) => (turn.speaker === speaker ? { ...turn, speaker: name } : turn));
      this.replace(turns, speakers);
    }

    // What was corrected is kept, and shown without making anew what the visitor is about to click on.
    replace(turns, speakers = this.sheet.speakers) {
      const text = turns.map((turn) => turn.text).filter(Boolean).join(" ");
      const transcript = { ...this.sheet.transcript, turns, text };
      const changed = { ...this.sheet, speakers: [...new Set(speakers)], transcript };
      const sheets = this.sheets.map((sheet, number) => (number === this.current ? changed : sheet));
      this.props.value = { ...this.props.value, sheets };
      // Fewer lanes would move what is below away from a click on its way.
      this.timeline.style.minHeight = `${this.timeline.offsetHeight}px`;
      this.timeline.replaceChildren(this.makeTimeline(changed));
      turns.forEach((turn, number) => {
        this.lines[number].className = `turn ${this.colour(turn.speaker)}`;
        this.lines[number].querySelector("select")?.replaceChildren(...this.makeOptions(turn));
      });
      this.follow();
    }

    seek(seconds) {
      if (this.player.hidden) return;
      this.audio.currentTime = seconds;
      this.follow();
    }

    // Marks the row that is being said, in the list, as the caption and on the timeline.
    follow() {
      const sheet = this.sheet;
      if (!sheet) return;
      const now = this.audio.currentTime || 0;
      const { turns, duration_seconds } = sheet.transcript;
      const playing = !this.player.hidden && (now > 0 || !this.audio.paused);
      const heard = now + 0.001; // players cut off what is less than a microsecond of the place that they are sent to
      const isSaid = ([start, end], number) => turns[number].text !== "" && start <= heard && heard < end;
      const said = playing ? sheet.times.findLastIndex(isSaid) : -1;
      for (const x of ["x1", "x2"]) this.playhead.setAttribute(x, (now / Math.max(duration_seconds, 0.001)) * 1000);
      this.lines.forEach((line, number) => {
        if (number === said) line.setAttribute("aria-current", "true");
        else line.removeAttribute("aria-current");
      });
      for (const word of this.rows.querySelectorAll(".word.now")) word.classList.remove("now");
      const spoken = said < 0 ? -1 : turns[said].words.findLastIndex((word) => word.start_seconds <= heard);
      this.lines[said]?.querySelectorAll(".word")[spoken]?.classList.add("now");
      this.caption.textContent = said < 0 ? "" : turns[said].text;
      this.caption.lang = LANGUAGE_TAGS[sheet.transcript.language];
      const line = this.lines[said];
      if (!line || this.audio.paused) return;
      const [top, bottom] = [line.offsetTop - this.rows.offsetTop, line.offsetTop - this.rows.offsetTop + line.offsetHeight];
      if (top < this.rows.scrollTop || bottom > this.rows.scrollTop + this.rows.clientHeight) this.rows.scrollTop = top;
    }

    // Python writes the file, so that it is the one that the command line writes; its times are the ones seen here.
    written(suffix) {
      const { transcript, times } = this.sheet;
      const isLeft = (_, number) => transcript.turns[number].text !== "";
      const left = { ...transcript, turns: transcript.turns.filter(isLeft) };
      return this.server.write_file([suffix, left, times.filter(isLeft)]);
    }

    async copy(button) {
      const text = this.written("txt").then((file) => file.text);
      if (navigator.clipboard) {
        const blob = text.then((string) => new Blob([string], { type: "text/plain" }));
        await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
      } else {
        const area = make("textarea", {}, await text); // pages without https have no clipboard object
        document.body.append(area);
        area.select();
        document.execCommand("copy");
        area.remove();
      }
      button.textContent = say("copied");
      setTimeout(() => (button.textContent = say("copy")), 2000);
    }

    async save(suffix) {
      const { name, text } = await this.written(suffix);
      const type = suffix === "json" ? "application/json" : "text/plain;charset=utf-8";
      const link = make("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    }
  }

  function mountSmall(show, element, props, watch) {
    const update = () => show(element, props.value);
    watch("value", update);
    update();
  }

  // What Gradio 6.17 leaves to a keyboard or a screen reader that neither can use.
  function mendGradio() {
    for (const copy of document.querySelectorAll(".tab-container.visually-hidden")) copy.inert = true;
    for (const menu of document.querySelectorAll(".overflow-menu > button")) menu.setAttribute("aria-label", "…");
    for (const wave of document.querySelectorAll("[data-testid*=waveform] div, #waveform div")) {
      wave.shadowRoot?.querySelector("[part=scroll]")?.setAttribute("tabindex", "0");
    }
  }

  // Run and Stop take each other's place: whoever had the focus on the one that goes has it on the other.
  let focused = {};
  document.addEventListener("focusin", ({ target }) => (focused = { target, panel: target.closest("[role=tabpanel]") }));
  function keepFocus() {
    const { target, panel } = focused;
    if (!target?.matches("button.places") || target.checkVisibility()) return;
    if (![target, document.body].includes(document.activeElement)) return;
    const shown = [...panel.querySelectorAll("button.places")].find((button) => button.checkVisibility());
    shown?.focus({ preventScroll: true });
  }

  const wholePage = { childList: true, subtree: true };
  new MutationObserver(mendGradio).observe(document.documentElement, wholePage);
  new MutationObserver(keepFocus).observe(document.documentElement, { ...wholePage, attributeFilter: ["class"] });

  const views = [];
  return {
    views,
    // After a job that failed; one that is stopped while it waits counts as such, and the message says that already.
    ended: (buttons) => (message, view) => [message?.stopped ? message : null, view && { ...view, running: false }, ...buttons],
    mountView(element, props, server, watch) {
      const view = new View(element, props, server);
      views.push(view);
      watch("value", () => view.show());
    },
    mountMessage: (element, props, watch) => mountSmall(showMessage, element, props, watch),
    mountComparison: (element, props, watch) => mountSmall(showComparison, element, props, watch),
  };
})();
