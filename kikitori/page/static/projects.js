// @ts-check
// The list of earlier transcripts, which are kept in this browser.
import { clock, make } from "./dom.js";
import { say, when } from "./i18n.js";
import { liveStore } from "./live_store.js";
import { readProject, writeProject } from "./project_file.js";
import { countByTab, openTab, tabName, tabOf } from "./tabs.js";
import { toast } from "./toast.js";
import { viewOf } from "./views.js";

/**
 * Save text as a file.
 * @param {string} name
 * @param {string} text
 * @param {string} type
 */
export function saveText(name, text, type) {
  const link = make("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export class Projects {
  /**
   * @param {any} view
   * @param {import("./store.js").Store} store
   */
  constructor(view, store) {
    this.view = view;
    this.store = store;
    this.list = make("ul", { class: "projects" });
    const open = make("button", { class: "plain", onclick: () => this.choose() }, say("open_project"));
    this.heading = make("h3", {}, say("continue"));
    this.note = make("p", { class: "small" }, say("stays_here"));
    this.elsewhere = make("p", { class: "elsewhere" });
    const parts = [this.heading, this.list, this.note, this.elsewhere, open];
    this.element = make("section", { hidden: true }, ...parts);
  }

  /** Show what is stored now. */
  async show() {
    const all = await this.store.list().catch(() => []); // a browser may forbid storage
    const live = (await liveStore.list()).map(() => ({ tab: "live" }));
    this.showOthers(countByTab([...all, ...live]));
    const entries = all.filter((/** @type {any} */ { tab }) => tab === this.view.tab);
    this.list.replaceChildren(...entries.map((/** @type {any} */ entry) => this.makeItem(entry)));
    for (const part of [this.list, this.note]) part.hidden = !entries.length;
    this.heading.hidden = !all.length && !live.length;
  }

  /**
   * Say how many transcripts are kept under the other tabs.
   * @param {Map<string, number>} counts by tab
   */
  showOthers(counts) {
    const others = [...counts].filter(([tab]) => tab !== this.view.tab);
    const buttons = others.map(([tab, count]) =>
      make("button", { class: "plain", onclick: () => openTab(tab) }, say("kept_elsewhere", count, tabName(tab))),
    );
    this.elsewhere.hidden = !buttons.length;
    this.elsewhere.replaceChildren(...buttons);
  }

  /** @param {any} entry */
  makeItem(entry) {
    const state = entry.isStopped ? [say("state_stopped")] : [];
    const about = [clock(entry.seconds), when(entry.changed), ...state].join(" · ");
    const whole = entry.more ? say("and_more", entry.name, entry.more) : entry.name;
    const name = entry.copy ? say("copy_of", whole) : whole;
    const open = make("button", { class: "plain open", onclick: () => this.view.keeper.open(entry.id) }, name);
    const save = make("button", { class: "plain", onclick: () => this.save(entry) }, say("save_project"));
    const label = say("delete_project", name);
    const remove = make("button", { class: "plain", "aria-label": label, title: label }, "✕");
    remove.addEventListener("click", async () => {
      if (!confirm(`${label}?`)) return;
      await this.store.remove(entry.id);
      await this.show();
      /** @type {HTMLElement | null} */ (
        this.list.querySelector("button") ?? this.element.querySelector("button")
      )?.focus();
    });
    return make("li", {}, open, make("span", { class: "small" }, about), save, remove);
  }

  /** @param {any} entry */
  async save({ id, name }) {
    const stored = await this.store.load(id);
    if (stored) saveText(`${name}.kikitori.json`, writeProject({ name, ...stored.state }), "application/json");
  }

  /** Let the visitor choose a project's file. */
  choose() {
    const input = make("input", { type: "file", accept: ".json" });
    input.addEventListener("change", () => this.read(input.files[0]));
    input.click();
  }

  /**
   * Open a project's file in the tab of its direction. If it is none, what is shown stays.
   * @param {File} file
   */
  async read(file) {
    const project = readProject(await file.text());
    if (!project) return toast(say("no_project", file.name));
    const tab = tabOf(project.sheets[0].transcript.direction) ?? this.view.tab;
    if (tab !== this.view.tab) openTab(tab);
    const { keeper, isBusy } = await viewOf(tab);
    if (isBusy) return toast(say("busy_drop"));
    if (await keeper.close()) await keeper.add(project);
  }
}
