/** VS Code in a browser, by what a person sees and does. Everything waits for what is shown. */

import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const PATIENCE_MS = 90_000;
const QUIET = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export class Workbench {
  /** Opens a folder; `file` is opened in it and waited for. */
  static async open({ url, folder, profile, shots, browser }) {
    const started = await chromium.launch({ executablePath: browser, args: QUIET });
    const page = await started.newPage({ viewport: { width: 1280, height: 800 } });
    page.setDefaultTimeout(PATIENCE_MS);
    await page.goto(`${url}/?folder=${encodeURIComponent(folder)}`);
    await page.waitForSelector(".monaco-workbench .statusbar");
    mkdirSync(shots, { recursive: true });
    const settings = JSON.parse(readFileSync(join(profile, "User", "settings.json"), "utf8"));
    return new Workbench(started, page, shots, settings);
  }

  constructor(browser, page, shots, settings) {
    this.browser = browser;
    this.page = page;
    this.shots = shots;
    this.settings = settings;
  }

  async close() {
    await this.browser.close();
  }

  /** A picture of everything, or of a part, once what fades in has done so. */
  async shot(name, clip) {
    await this.page.waitForTimeout(700);
    await this.page.screenshot({ path: join(this.shots, `${name}.png`), ...(clip && { clip }) });
  }

  /** Chooses a command by its whole title; again if the focus goes elsewhere meanwhile. */
  async command(title) {
    await this.until(async () => {
      await this.press("F1");
      return await this.quickInput()
        .fill(`>${title}`, { timeout: 5000 })
        .then(() => this.choice(title).click({ timeout: 5000 }))
        .then(
          () => true,
          () => false,
        );
    });
  }

  /** An entry of the list that is open, by its whole name; or only if it is the one in focus. */
  choice(name, state = "") {
    const whole = new RegExp(`^${name.replace(/[.()]/g, "\\$&")}$`);
    return this.page
      .locator(`.quick-input-list .monaco-list-row${state}`)
      .filter({ has: this.page.locator(".label-name", { hasText: whole }) })
      .first();
  }

  quickInput() {
    return this.page.locator(".quick-input-widget input[type=text]").first();
  }

  /** Opens a file of the folder by its name. */
  async file(name) {
    await this.page.keyboard.press("Control+p");
    await this.quickInput().fill(name);
    await this.choice(name, ".focused").waitFor();
    await this.press("Enter"); // the mouse would stay there, and bring up a hover
    await this.page.locator(".tab.active", { hasText: name }).waitFor();
    await this.page.locator(".monaco-editor .view-line").first().waitFor();
  }

  /** Puts the cursor at a place, counted from one. */
  async go(line, column = 1) {
    await this.page.keyboard.press("Control+g");
    await this.quickInput().fill(`:${line}:${column}`);
    await this.page.keyboard.press("Enter");
    await this.statusBar(`Ln ${line}, Col ${column}`);
  }

  async type(text) {
    await this.page.keyboard.type(text, { delay: 15 });
  }

  async press(...keys) {
    for (const key of keys) {
      await this.page.keyboard.press(key);
    }
  }

  /** Waits until the status bar shows a text somewhere. */
  async statusBar(text) {
    await this.page.locator(".statusbar-item", { hasText: text }).first().waitFor();
  }

  item() {
    return this.page.locator(".statusbar-item[id^='tlsight']").first();
  }

  /** The words of our item, once they are as wanted. */
  async status(wanted) {
    await this.page
      .locator(".statusbar-item[id^='tlsight']", { hasText: wanted })
      .first()
      .waitFor();
    return (await this.item().innerText()).replaceAll("\u00a0", " ").trim();
  }

  /** What our item says when one points at it. */
  async tooltip() {
    await this.item().hover();
    const shown = this.page.locator(".workbench-hover:visible").first();
    await shown.waitFor();
    return await shown.innerText();
  }

  /** How many squiggles the editor in front shows. */
  squiggles() {
    return this.page.locator(".squiggly-error, .squiggly-warning, .squiggly-info");
  }

  /** The entries of the Problems view that are ours. */
  problems() {
    return this.page.locator(".markers-panel .monaco-list-row", { hasText: "tlsight" });
  }

  /** Effect: sets options, in the editor itself, since it need not notice a change on disk. */
  async set(options) {
    this.settings = { ...this.settings, ...options };
    await this.command("Preferences: Open User Settings (JSON)");
    await this.page.locator(".tab.active", { hasText: "settings.json" }).waitFor();
    await this.replaced(JSON.stringify(this.settings));
    await this.save();
    await this.command("View: Close Editor");
    await this.page.locator(".tab", { hasText: "settings.json" }).waitFor({ state: "hidden" });
  }

  /** All entries of the Problems view, whoever they are of. */
  async entries() {
    const rows = await this.page.locator(".markers-panel .monaco-list-row").allInnerTexts();
    return rows
      .map((row) => row.replace(/\s+/g, " ").trim())
      .filter((row) => /\[Ln \d+, Col \d+\]$/.test(row));
  }

  /** The files of the Problems view, each with the number of its entries. */
  async files() {
    const rows = this.page.locator(".markers-panel .monaco-list-row", {
      has: this.page.locator(".label-name"),
    });
    return (await rows.allInnerTexts()).map((row) => row.replace(/\s+/g, " ").trim());
  }

  async save() {
    await this.press("Control+s");
    await this.until(async () => (await this.page.locator(".tab.dirty.active").count()) === 0);
  }

  /** Effect: the editor in front has this text, and no other. */
  async replaced(text) {
    await this.page.locator(".editor-instance .monaco-editor.focused").waitFor();
    await this.press("Control+a");
    await this.page.keyboard.insertText(text);
  }

  async problemsView() {
    await this.command("Problems: Focus on Problems View");
    await this.page.locator(".markers-panel").waitFor();
  }

  async focusEditor() {
    await this.command("View: Focus Active Editor Group");
  }

  /** What the editor says about the place of the cursor, once these words are there. */
  async hover(wanted) {
    await this.command("Show or Focus Hover");
    const shown = this.page.locator(".monaco-editor .monaco-hover:visible", { hasText: wanted });
    await shown.first().waitFor();
    return await shown.first().innerText();
  }

  /** What can be done at the cursor; asks until an entry with these words is there. */
  async offers(wanted) {
    const menu = this.page.locator(".action-widget", { hasText: wanted }).first();
    await this.until(async () => {
      await this.page.keyboard.press("Control+.");
      return await menu.waitFor({ timeout: 5000 }).then(
        () => true,
        () => this.press("Escape"), // it says nothing where it is asked too early
      );
    });
    return await this.page.locator(".action-widget .monaco-list-row").allInnerTexts();
  }

  async fix(title) {
    await this.offers(title);
    await this.page.locator(".action-widget .monaco-list-row", { hasText: title }).first().click();
    await this.page.locator(".action-widget").first().waitFor({ state: "hidden" });
  }

  /** The text of a notification with these words. */
  async notification(wanted) {
    const shown = this.page.locator(".notification-list-item", { hasText: wanted }).first();
    await shown.waitFor();
    return await shown.locator(".notification-list-item-message").innerText();
  }

  /** The entries of the list that is open. */
  async rows() {
    const texts = await this.page.locator(".quick-input-list .monaco-list-row").allInnerTexts();
    return texts.map((text) => text.replace(/\s+/g, " ").trim());
  }

  /** The text of a rendered page that has these words in it. */
  async preview(wanted) {
    return await (await this.frame(wanted)).locator("body").innerText();
  }

  /** The rendered page that has these words in it. */
  async frame(wanted) {
    return await this.until(async () => {
      for (const frame of this.page.frames()) {
        const text = await frame
          .locator("body")
          .innerText({ timeout: 1000 })
          .catch(() => "");
        if (frame !== this.page.mainFrame() && text.includes(wanted)) {
          return frame;
        }
      }
      return undefined;
    });
  }

  /** The line of the output channel in front that has these words in it. */
  async output(wanted) {
    const line = this.page.locator(".panel .view-line", { hasText: wanted }).first();
    await line.waitFor();
    return (await line.innerText()).replaceAll("\u00a0", " ");
  }

  async until(what, seconds = PATIENCE_MS / 1000) {
    const end = Date.now() + seconds * 1000;
    for (;;) {
      const found = await what();
      if (found) {
        return found;
      }
      if (Date.now() > end) {
        throw new Error(`waited ${seconds} s in vain for: ${what}`);
      }
      await this.page.waitForTimeout(50);
    }
  }

  /** The texts of a list, once there are so many. */
  async count(locator, wanted) {
    await this.until(async () => (await locator.count()) === wanted);
    return (await locator.allInnerTexts()).map((text) => text.replace(/\s+/g, " ").trim());
  }
}
