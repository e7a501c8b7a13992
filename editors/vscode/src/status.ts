/**
 * The item in the status bar: how the analysis of the file in front stands.
 *
 * It tells clean from not analysed, and says why and what to do; silence never means safety.
 */

import * as vscode from "vscode";
import { counted, type Standing, some, total, type Unanalysed } from "./protocol";

/** A pause before "analysing" is shown, so that it does not flicker while one types. */
const PAUSE_MS = 400;
const MOST_REASONS = 8;
const MOST_PLACES = 4;
const MOST_HEADERS = 12;

/** How it is with the server itself. */
export type Server =
  | { readonly kind: "untrusted" }
  | { readonly kind: "starting" }
  | { readonly kind: "running"; readonly version: string; readonly origin: string }
  | { readonly kind: "failed"; readonly reason: string };

export class StatusItem implements vscode.Disposable {
  private readonly item: vscode.StatusBarItem;
  private readonly standings = new Map<string, Standing>();
  private readonly disposables: vscode.Disposable[] = [];
  private server: Server = { kind: "starting" };
  private pause: NodeJS.Timeout | undefined;

  constructor() {
    this.item = vscode.window.createStatusBarItem("tlsight", vscode.StatusBarAlignment.Right, 100);
    this.item.name = "tlsight";
    this.item.command = "tlsight.showStatus";
    this.disposables.push(
      this.item,
      vscode.window.onDidChangeActiveTextEditor(() => this.show()),
      vscode.workspace.onDidCloseTextDocument((document) => {
        this.standings.delete(document.uri.toString());
        this.show();
      }),
    );
    this.show();
  }

  dispose(): void {
    clearTimeout(this.pause);
    for (const item of this.disposables) {
      item.dispose();
    }
  }

  setServer(server: Server): void {
    this.server = server;
    if (server.kind !== "running") {
      this.standings.clear();
    }
    this.show();
  }

  setStanding(uri: vscode.Uri, standing: Standing): void {
    this.standings.set(uri.toString(), standing);
    clearTimeout(this.pause);
    if (standing.stage === "analysing") {
      this.pause = setTimeout(() => this.show(), PAUSE_MS);
    } else {
      this.show();
    }
  }

  /** What is known of the file in front. */
  current(): Standing | undefined {
    const document = vscode.window.activeTextEditor?.document;
    return document && this.standings.get(document.uri.toString());
  }

  private show(): void {
    const document = vscode.window.activeTextEditor?.document;
    if (!document || !["c", "cpp"].includes(document.languageId)) {
      this.item.hide();
      return;
    }
    this.item.backgroundColor = undefined;
    switch (this.server.kind) {
      case "untrusted":
        this.write("$(shield) tlsight: off", untrusted());
        break;
      case "starting":
        this.write("$(sync~spin) tlsight", markdown("tlsight is starting."));
        break;
      case "failed":
        this.item.backgroundColor = new vscode.ThemeColor("statusBarItem.errorBackground");
        this.write("$(error) tlsight: not running", failed(this.server.reason));
        break;
      case "running":
        this.write(text(this.current()), details(this.current(), this.server));
    }
    this.item.show();
  }

  private write(shown: string, tooltip: vscode.MarkdownString): void {
    this.item.text = shown;
    this.item.tooltip = tooltip;
    this.item.accessibilityInformation = { label: shown.replace(/\$\([^)]*\) ?/g, "") };
  }
}

/** The few words in the status bar. */
export function text(standing: Standing | undefined): string {
  if (!standing) {
    return "$(sync~spin) tlsight";
  }
  const found = total(standing.findings);
  const partial = standing.unanalysed.length > 0 || standing.missingHeaders.length > 0;
  const parts = [found ? some(found, "finding") : partial ? "nothing found" : "clean"];
  if (standing.unanalysed.length) {
    parts.push(`${standing.unanalysed.length} not analysed`);
  }
  if (standing.missingHeaders.length) {
    parts.push("degraded");
  }
  if (standing.stage === "analysing") {
    return `$(sync~spin) tlsight: ${found ? parts[0] : "analysing"}`;
  }
  if (standing.stage === "held") {
    parts.push("as last saved");
  }
  return `$(${partial ? "warning" : "shield"}) tlsight: ${parts.join(" · ")}`;
}

/** Where a place that could not be judged is, and why it could not. */
export function placed(place: Unanalysed): string {
  return [where(place), place.reason].filter(Boolean).join(": ");
}

function where(place: Unanalysed): string {
  return [
    place.function ? `${place.function}()` : "",
    place.range ? `line ${place.range.start.line + 1}` : "",
  ]
    .filter(Boolean)
    .join(", ");
}

/** "a.h, b.h and 3 more". */
export function headers(standing: Standing): string {
  const names = standing.missingHeaders.slice(0, MOST_HEADERS).map((name) => `\`${name}\``);
  const more = standing.missingHeaders.length - names.length;
  return names.join(", ") + (more > 0 ? ` and ${more} more` : "");
}

function details(
  standing: Standing | undefined,
  server: { readonly version: string; readonly origin: string },
): vscode.MarkdownString {
  const blocks: string[] = [];
  if (!standing) {
    blocks.push("This file has not been analysed yet.");
  } else {
    blocks.push(findings(standing));
    if (standing.stage === "held") {
      blocks.push(
        "What was typed since is analysed when the file is saved " + `(${setting("tlsight.run")}).`,
      );
    }
    if (standing.unanalysed.length) {
      blocks.push(unanalysed(standing));
    }
    if (standing.missingHeaders.length) {
      blocks.push(
        `**Degraded: ${some(standing.missingHeaders.length, "header")} not found**`,
        `${headers(standing)}`,
        "What the rule pages declare stands in for them, so less is known of types and " +
          "macros. To mend it, install the development files of the library, or have your " +
          "build write `compile_commands.json` and name its folder in " +
          `${setting("tlsight.build")}.`,
      );
    }
  }
  blocks.push(
    "---",
    "[Check workspace](command:tlsight.checkWorkspace) · " +
      "[Restart](command:tlsight.restart) · [Show logs](command:tlsight.showLogs)",
    `tlsight ${escaped(server.version)} of ${escaped(server.origin)}`,
  );
  return markdown(blocks.join("\n\n"));
}

function findings(standing: Standing): string {
  const found = counted(standing.findings);
  const parts = [found ? `**${found}**` : "**Nothing found**"];
  if (standing.mendable) {
    parts.push(
      `${standing.mendable} can be mended safely: [apply all safe fixes](command:tlsight.fixAll)`,
    );
  }
  if (standing.suppressed) {
    parts.push(`${standing.suppressed} suppressed by comments`);
  }
  return parts.join(" · ");
}

/** The places by their reasons, since one that holds for a whole file is told once. */
function unanalysed(standing: Standing): string {
  const byReason = new Map<string, string[]>();
  for (const place of standing.unanalysed) {
    byReason.set(place.reason, [...(byReason.get(place.reason) ?? []), where(place)]);
  }
  const reasons = [...byReason].slice(0, MOST_REASONS);
  const listed = reasons.map(([reason, places]) => {
    const most = places.slice(0, MOST_PLACES).filter(Boolean);
    const more = places.length > MOST_PLACES ? [`and ${places.length - MOST_PLACES} more`] : [];
    return `- ${escaped([[...most, ...more].join("; "), reason].filter(Boolean).join(": "))}`;
  });
  const all =
    byReason.size > MOST_REASONS ||
    [...byReason.values()].some((places) => places.length > MOST_PLACES);
  return [
    `**Not analysed: ${some(standing.unanalysed.length, "place")}**`,
    "",
    ...listed,
    ...(all ? ["", "[Show all](command:tlsight.showStatus)"] : []),
  ].join("\n");
}

function untrusted(): vscode.MarkdownString {
  return markdown(
    "tlsight is off, since this workspace is not trusted: what is hostile should not be parsed. " +
      "[Trust the workspace](command:workbench.trust.manage) to turn it on.",
  );
}

function failed(reason: string): vscode.MarkdownString {
  return markdown(
    `${escaped(reason)}\n\n[Restart](command:tlsight.restart) · ` +
      "[Show logs](command:tlsight.showLogs) · " +
      "[Open settings](command:workbench.action.openSettings?%22tlsight.%22)",
  );
}

function setting(id: string): string {
  const argument = encodeURIComponent(JSON.stringify(id));
  return `[the setting ${id}](command:workbench.action.openSettings?${argument})`;
}

function escaped(words: string): string {
  return words.replace(/[\\`*_{}[\]()#+!<>|~]/g, "\\$&");
}

function markdown(value: string): vscode.MarkdownString {
  const shown = new vscode.MarkdownString(value, true);
  shown.isTrusted = {
    enabledCommands: [
      "tlsight.checkWorkspace",
      "tlsight.fixAll",
      "tlsight.restart",
      "tlsight.showLogs",
      "tlsight.showStatus",
      "workbench.action.openSettings",
      "workbench.trust.manage",
    ],
  };
  return shown;
}
