/** What a person does in VS Code, each told as the things seen on the way. */

import { execFileSync } from "node:child_process";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const scenarios = { qt, beside, degrees, workspace, review, untrusted, astray, tour };

/** The processes of our server below the one of the editor. */
function servers(pid) {
  const lines = execFileSync("ps", ["-ww", "-eo", "pid=,ppid=,args="], { encoding: "utf8" })
    .trim()
    .split("\n")
    .map((line) => line.trim().match(/^(\d+)\s+(\d+)\s+(.*)$/).slice(1));
  const below = new Set([pid]);
  for (let size = 0; size !== below.size; ) {
    size = below.size;
    for (const [child, parent] of lines) {
      if (below.has(parent)) {
        below.add(child);
      }
    }
  }
  return lines
    .filter(([child, , args]) => below.has(child) && /start\.py serve/.test(args))
    .map(([child]) => Number(child));
}

/** Qt's DTLS file: finds, reads, mends, types; on save; and after the server was killed. */
async function qt(workbench, { pid, folder }) {
  const { page } = workbench;
  const seen = {};
  await workbench.file("qdtls_openssl.cpp");
  seen.degraded = await workbench.status("degraded");
  seen.missing = await workbench.tooltip();
  await workbench.shot("status", { x: 520, y: 270, width: 760, height: 530 });
  renameSync(join(folder, "later.json"), join(folder, "compile_commands.json"));
  seen.built = await workbench.status("clean");

  await workbench.file("qdtls_openssl_p.h");
  seen.status = await workbench.status("finding");
  await workbench.problemsView();
  seen.header = await workbench.count(workbench.problems(), 1);
  await workbench.focusEditor();
  await workbench.go(86, 60);
  await workbench.squiggles().first().waitFor();
  seen.hover = await workbench.hover("Open the page");
  await workbench.shot("header");
  await workbench.press("Escape", "Escape");
  await workbench.fix("Switch to Sha256");
  seen.mended = await workbench.count(workbench.problems(), 0);
  seen.clean = await workbench.status("clean");
  await workbench.save();

  await workbench.file("qdtls_openssl.cpp");
  await workbench.status("clean");
  await workbench.go(183);
  await workbench.press("End");
  await workbench.type("\nQMessageAuthenticationCode old(QCryptographicHash::Sha1, dtls->secret);");
  seen.typed = await workbench.count(workbench.problems(), 1);
  await workbench.squiggles().first().waitFor();
  await workbench.shot("typed");

  await workbench.set({ "tlsight.run": "save" });
  await workbench.until(async () => {
    await workbench.type(" ");
    return /as last saved/.test(await workbench.item().innerText());
  });
  const old = "dtls->dtlsPrivate->dtlsConfiguration.setProtocol(QSsl::DtlsV1_0OrLater);";
  await workbench.type(`\n${old}`);
  await workbench.press("ArrowLeft", "ArrowLeft", "ArrowLeft", "ArrowLeft");
  seen.offered = await workbench.offers("Suppress"); // so the server has read what was typed
  await workbench.press("Escape");
  seen.held = await workbench.status("as last saved");
  seen.unsaved = await workbench.count(workbench.problems(), 1);
  await workbench.save();
  seen.afterSave = await workbench.count(workbench.problems(), 2);
  seen.saved = await workbench.status(/^((?!as last saved).)*$/);

  const [before] = servers(pid);
  process.kill(before, "SIGKILL");
  await workbench.until(() => servers(pid).some((server) => server !== before));
  await workbench.set({ "tlsight.run": "type" });
  await workbench.status("findings");
  await workbench.count(workbench.problems(), 2);
  await workbench.go(184, 45);
  await workbench.hover("Open the page");
  await workbench.shot("findings", { x: 352, y: 36, width: 924, height: 590 });
  await workbench.press("Escape", "Escape");
  await workbench.fix("Switch to Sha256");
  seen.back = await workbench.count(workbench.problems(), 1);
  seen.other = servers(pid).length === 1 && servers(pid)[0] !== before;
  await workbench.save();
  return seen;
}

/** With clangd: what both say of one file, when it is opened, while it is typed in, and saved. */
async function beside(workbench) {
  const seen = { meanwhile: [] };
  const look = async () => {
    const rows = await workbench.entries();
    if (JSON.stringify(rows) !== JSON.stringify(seen.meanwhile.at(-1))) {
      seen.meanwhile.push(rows);
    }
    return rows;
  };
  const bothSay = (line) => async () => {
    const rows = (await look()).filter((row) => row.includes(`[Ln ${line}, `));
    return ["clang", "tlsight"].every((source) => rows.some((row) => row.includes(` ${source}`)));
  };
  await workbench.file("beside.c");
  await workbench.problemsView();
  for (const line of [9, 15]) {
    await workbench.until(bothSay(line));
  }
  seen.opened = await look();
  await workbench.shot("beside");

  await workbench.focusEditor();
  await workbench.go(17);
  await workbench.press("End");
  for (const key of "\nint maximum = SSL_CTX_set_max_proto_version(context, TLS1_VERSION);") {
    await workbench.type(key);
    await look();
  }
  await workbench.until(bothSay(18));
  await workbench.save();
  await workbench.until(bothSay(18));
  seen.saved = await look();
  [seen.total] = await workbench.files();

  await workbench.go(9);
  await workbench.press("Shift+End");
  seen.offered = await workbench.offers("SSL_VERIFY_PEER");
  await workbench.shot("both");
  return seen;
}

/** The status: what is missing, what was not analysed, and why; with something to do. */
async function degrees(workbench, { folder }) {
  const seen = {};
  await workbench.file("dtls_server.cpp");
  await workbench.status("degraded");
  seen.missing = await workbench.tooltip();
  await workbench.shot("degraded");
  await workbench.file("half_typed.c");
  seen.text = await workbench.status("not analysed");
  seen.unread = await workbench.tooltip();
  await workbench.shot("unread");
  await workbench.item().click();
  await workbench.page.locator(".quick-input-list .monaco-list-row").first().waitFor();
  seen.choices = await workbench.rows();
  await workbench.shot("choices");
  await workbench.press("Escape");
  await workbench.file("clean.c");
  seen.clean = await workbench.status("clean");
  await workbench.file("left_out.c");
  seen.leftOut = await workbench.status("not analysed");
  seen.reason = await workbench.tooltip();

  const own = join(folder, "tlsight.toml");
  const before = readFileSync(own, "utf8");
  await workbench.file("tlsight.toml");
  await workbench.replaced(`${before}disable = ["weak-hash"]\n`);
  await workbench.save();
  await workbench.file("dtls_server.cpp");
  seen.disabled = await workbench.status("3 findings");
  writeFileSync(own, `${before}[severity]\ncookie-weak-mac = "error"\n`);
  await workbench.status("4 findings");
  seen.severe = await workbench.tooltip();
  return seen;
}

/** Files that are not open, all safe fixes, a page beside the code, and the walkthrough. */
async function workspace(workbench) {
  const { page } = workbench;
  const seen = {};
  await workbench.file("clean.c");
  await workbench.status("clean");
  await workbench.problemsView();
  await workbench.command("tlsight: Check Workspace");
  await page.locator(".notification-list-item", { hasText: "checking the workspace" }).waitFor();
  seen.summary = await workbench.notification("beside those that are open");
  seen.files = await workbench.files();
  await workbench.shot("checked");
  await workbench.file("server.c");
  await workbench.status("findings");
  await workbench.command("View: Close Editor");
  await page.locator(".tab", { hasText: "server.c" }).waitFor({ state: "hidden" });
  await workbench.status("clean");
  await workbench.until(async () => (await workbench.files()).join() === seen.files.join());
  await workbench.command("Notifications: Clear All Notifications");

  await workbench.file("dtls_server.cpp");
  await workbench.status("degraded");
  await workbench.command("tlsight: Apply All Safe Fixes");
  seen.fixed = await workbench.notification("mended");
  await workbench.command("Notifications: Clear All Notifications");

  await workbench.command("tlsight: Explain Rule");
  await workbench.quickInput().fill("weak-hash");
  await workbench.press("Enter");
  seen.page = await workbench.preview("QCryptographicHash");
  await workbench.shot("page");

  await workbench.command("View: Hide Panel");
  await workbench.command("View: Maximize Editor Group and Hide Side Bars");
  await workbench.command("Welcome: Open Walkthrough...");
  await workbench.quickInput().fill("Start with tlsight");
  await workbench.press("Enter");
  await page.locator(".getting-started-step").first().waitFor();
  seen.steps = await page.locator(".getting-started-step .step-title").allInnerTexts();
  const picture = page.locator(".getting-started-media img:visible").first();
  await workbench.until(() => picture.evaluate((image) => image.complete));
  seen.picture = await picture.evaluate((image) => image.naturalWidth);
  await workbench.shot("walkthrough");
  return seen;
}

/** The review of a file as it stands in the editor, with links to its places; then of all files. */
async function review(workbench) {
  const { page } = workbench;
  const seen = {};
  await workbench.file("server.c");
  await workbench.status("findings");
  await workbench.go(1);
  await workbench.command("tlsight: Review");
  await workbench.choice("This file").click();
  seen.file = await workbench.preview("What is left to you");
  await workbench.shot("review");
  await (await workbench.frame("What is left to you"))
    .getByRole("link", { name: "server.c:31", exact: true })
    .first()
    .click();
  await workbench.statusBar("Ln 31, Col 9");
  seen.followed = true;

  await workbench.command("View: Close All Editors");
  await workbench.command("tlsight: Review");
  seen.workspace = await workbench.preview("4 files");
  await workbench.shot("review-workspace");
  return seen;
}

/** In a workspace that is not trusted it is off, until it is trusted. */
async function untrusted(workbench, { pid }) {
  const { page } = workbench;
  const seen = {};
  await workbench.file("dtls_server.cpp");
  seen.status = await workbench.status("off");
  seen.tooltip = await workbench.tooltip();
  seen.servers = servers(pid).length;
  await workbench.shot("untrusted");
  await workbench.command("tlsight: Check Workspace");
  seen.command = await workbench.notification("not trusted");
  await workbench.command("Workspaces: Manage Workspace Trust");
  await page.locator(".workspace-trust-editor").getByRole("button", { name: "Trust" }).first().click();
  await page.locator(".tab", { hasText: "dtls_server.cpp" }).click();
  seen.trusted = await workbench.status("findings");
  return seen;
}

/** A path that leads nowhere is told, with what to do; once it is cleared, all is well. */
async function astray(workbench) {
  const seen = {};
  await workbench.file("dtls_server.cpp");
  seen.message = await workbench.notification("tlsight.path");
  seen.status = await workbench.status("not running");
  await workbench.shot("astray");
  await workbench.set({ "tlsight.path": "" });
  seen.cleared = await workbench.status("findings");
  await workbench.command("tlsight: Show Logs");
  seen.log = await workbench.output("of this extension, run by");
  await workbench.shot("logs");
  return seen;
}

/** A little of everything, for what is said on the wire. */
async function tour(workbench) {
  await workbench.file("dtls_server.cpp");
  await workbench.status("findings");
  await workbench.problemsView();
  await workbench.count(workbench.problems(), 4);
  await workbench.focusEditor();
  await workbench.go(26, 50);
  await workbench.hover("Open the page");
  await workbench.press("Escape", "Escape");
  await workbench.fix("Switch to DTLS1_2_VERSION");
  await workbench.count(workbench.problems(), 3);
  await workbench.save();
  await workbench.command("tlsight: Apply All Safe Fixes");
  await workbench.notification("mended");
  await workbench.command("tlsight: Check Workspace");
  await workbench.notification("beside those that are open");
  await workbench.command("tlsight: Explain Rule");
  await workbench.quickInput().fill("weak-hash");
  await workbench.press("Enter");
  await workbench.preview("QCryptographicHash");
  return {};
}
