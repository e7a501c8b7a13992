/** Opens a page in a browser as people do, light, dark, narrow and on paper; tells what was seen. */

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import axe from "axe-core";
import { chromium } from "playwright-core";

const QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"];
const { values } = parseArgs({
  options: {
    page: { type: "string" },
    browser: { type: "string" },
    shots: { type: "string" },
  },
});

mkdirSync(values.shots, { recursive: true });
const url = pathToFileURL(values.page).href;
const browser = await chromium.launch({ executablePath: values.browser, args: QUIET });
const seen = { requests: [], violations: {}, wide: {}, focus: [] };
try {
  for (const colorScheme of ["light", "dark"]) {
    for (const [size, width] of [["", 1280], ["-narrow", 360]]) {
      await looked(colorScheme, size, width);
    }
  }
  await printed();
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen, null, 2));

async function opened(options) {
  const page = await browser.newPage(options);
  page.on("request", (request) => seen.requests.push(request.url()));
  await page.goto(url);
  return page;
}

/** Effect: a picture as it is opened, and with all unfolded; each searched for faults. */
async function looked(colorScheme, size, width) {
  const page = await opened({ colorScheme, viewport: { width, height: 900 } });
  const name = `review-${colorScheme}${size}`;
  await page.screenshot({ path: join(values.shots, `${name}.png`), fullPage: true });
  await searched(page, name);
  await page.evaluate(() => {
    for (const item of document.querySelectorAll("details")) {
      item.open = true;
    }
  });
  await page.screenshot({ path: join(values.shots, `${name}-open.png`), fullPage: true });
  await searched(page, `${name}-open`);
  if (size === "" && colorScheme === "light") {
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    seen.focus = await page.evaluate(() => {
      const style = getComputedStyle(document.activeElement);
      return [document.activeElement.tagName, style.outlineStyle, style.outlineWidth];
    });
  }
  await page.close();
}

async function searched(page, name) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document));
  seen.violations[name] = violations.map(({ id, help, nodes }) => ({
    id,
    help,
    nodes: nodes.slice(0, 5).map((node) => `${node.html}: ${node.failureSummary}`),
  }));
  seen.wide[name] = await page.evaluate(tooWide);
}

/** Effect: prints the page with everything folded, as it is opened. */
async function printed() {
  const page = await opened({ colorScheme: "dark", viewport: { width: 718, height: 1000 } });
  await page.emulateMedia({ media: "print" });
  seen.wide.print = await page.evaluate(tooWide);
  seen.hidden = await page.evaluate(() =>
    [...document.querySelectorAll(".src")].filter((line) => !line.checkVisibility()).length,
  );
  seen.lines = await page.evaluate(() =>
    [...document.querySelectorAll(".src")].map((line) => line.textContent),
  );
  await page.pdf({ path: join(values.shots, "review.pdf"), format: "A4", preferCSSPageSize: true });
  await page.close();
}

/** The lines of code that do not fit into their place, and whether the page is too wide itself. */
function tooWide() {
  const lines = [...document.querySelectorAll(".src")]
    .filter((line) => line.checkVisibility() && line.scrollWidth > line.clientWidth)
    .map((line) => line.textContent);
  const whole = document.documentElement;
  return whole.scrollWidth > whole.clientWidth ? [...lines, "the page"] : lines;
}
