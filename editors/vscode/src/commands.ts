/** What a person can ask for. Each command says what came of it, and what to do next. */

import { randomUUID } from "node:crypto";
import * as vscode from "vscode";
import {
  type LanguageClient,
  LSPErrorCodes,
  ResponseError,
  WorkDoneProgress,
} from "vscode-languageclient/node";
import { Check, counted, type Standing, type Summary, some, total } from "./protocol";
import { headers, placed } from "./status";

const FIX_ALL = vscode.CodeActionKind.SourceFixAll.append("tlsight");

/** Effect: analyses every file of the workspace; findings come to the Problems view. */
export async function checkWorkspace(client: LanguageClient): Promise<void> {
  if (!vscode.workspace.workspaceFolders?.length) {
    void vscode.window.showInformationMessage(
      "There is no folder open to check. Open one with File: Open Folder.",
    );
    return;
  }
  const summary = await withProgress(client, "tlsight: checking the workspace", (sent, token) =>
    client.sendRequest(Check, sent, token),
  );
  if (summary) {
    await tell(summary);
  }
}

/** Effect: asks for something that takes a while, shows how far it is, and lets it be cancelled. */
export async function withProgress<T>(
  client: LanguageClient,
  title: string,
  ask: (sent: { workDoneToken: string }, token: vscode.CancellationToken) => Promise<T>,
): Promise<T | undefined> {
  return await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title, cancellable: true },
    (progress, token) => reported(client, progress, token, ask),
  );
}

async function reported<T>(
  client: LanguageClient,
  progress: vscode.Progress<{ message?: string; increment?: number }>,
  token: vscode.CancellationToken,
  ask: (sent: { workDoneToken: string }, token: vscode.CancellationToken) => Promise<T>,
): Promise<T | undefined> {
  const workDoneToken = randomUUID();
  let before = 0;
  const reports = client.onProgress(WorkDoneProgress.type, workDoneToken, (value) => {
    if (value.kind === "report") {
      const now = value.percentage ?? before;
      progress.report({ message: value.message ?? "", increment: now - before });
      before = now;
    }
  });
  try {
    return await ask({ workDoneToken }, token);
  } catch (error) {
    if (error instanceof ResponseError && error.code === LSPErrorCodes.RequestCancelled) {
      return undefined; // what was found until then stays in the Problems view
    }
    if (token.isCancellationRequested) {
      return undefined;
    }
    throw error;
  } finally {
    reports.dispose();
  }
}

async function tell(summary: Summary): Promise<void> {
  const found = counted(summary.findings) || "nothing found";
  const files = some(summary.files, "more file") || "no more files";
  const unread = summary.unanalysed.length;
  const places = unread ? `; not analysed: ${some(unread, "place")}` : "";
  const actions = [
    ...(total(summary.findings) ? ["Show Problems"] : []),
    ...(unread ? ["What Was Not Analysed"] : []),
  ];
  const chosen = await vscode.window.showInformationMessage(
    `tlsight checked ${files} beside those that are open: ${found}${places}.`,
    ...actions,
  );
  if (chosen === "Show Problems") {
    await vscode.commands.executeCommand("workbench.actions.view.problems");
  } else if (chosen) {
    await chooseUnanalysed(summary);
  }
}

async function chooseUnanalysed(summary: Summary): Promise<void> {
  const items = summary.unanalysed.map((place) => {
    const uri = vscode.Uri.parse(place.uri);
    const label = vscode.workspace.asRelativePath(uri);
    return { label, detail: placed(place), uri, range: place.range };
  });
  const chosen = await vscode.window.showQuickPick(items, {
    title: "tlsight: Not Analysed",
    placeHolder: "The place to look at",
    matchOnDetail: true,
  });
  if (chosen) {
    await open(chosen.uri, chosen.range);
  }
}

/** Effect: applies the fixes of the file in front that change nothing but the weakness. */
export async function fixAll(): Promise<void> {
  const document = vscode.window.activeTextEditor?.document;
  if (!document) {
    void vscode.window.showInformationMessage("Open the C or C++ file to mend, and try again.");
    return;
  }
  const everything = new vscode.Range(0, 0, document.lineCount, 0);
  const actions = await vscode.commands.executeCommand<vscode.CodeAction[]>(
    "vscode.executeCodeActionProvider",
    document.uri,
    everything,
    FIX_ALL.value,
    1,
  );
  const edit = actions.find((action) => action.edit?.size)?.edit;
  if (!edit) {
    void vscode.window.showInformationMessage(
      "tlsight: nothing can be mended safely in this file. Fixes that may change who can " +
        "connect are offered one by one, under the light bulb of each finding.",
    );
    return;
  }
  const places = edit.get(document.uri).length;
  const applied = await vscode.workspace.applyEdit(edit);
  void vscode.window.showInformationMessage(
    applied
      ? `tlsight mended ${some(places, "place")}. Look at the change before you save it.`
      : "tlsight: the file changed meanwhile, so nothing was mended. Try again.",
  );
}

/** Effect: lists how the analysis of the file in front stands, with something to do at each line. */
export async function showStatus(standing: Standing | undefined): Promise<void> {
  const items = [...(standing ? about(standing) : []), ...ALWAYS];
  const chosen = await vscode.window.showQuickPick(items, {
    title: "tlsight",
    placeHolder: "How the analysis of this file stands, and what you can do",
  });
  await chosen?.run();
}

interface Choice extends vscode.QuickPickItem {
  readonly run: () => Promise<unknown> | Thenable<unknown>;
}

function about(standing: Standing): Choice[] {
  const uri = vscode.Uri.parse(standing.uri);
  const choices: Choice[] = [];
  const found = counted(standing.findings);
  choices.push({
    label: found ? `$(list-unordered) ${found}` : "$(pass) Nothing found",
    description: found ? "show problems" : "",
    run: command("workbench.actions.view.problems"),
  });
  if (standing.mendable) {
    choices.push({
      label: `$(lightbulb) Apply all safe fixes`,
      description: `${standing.mendable} can be mended safely`,
      run: command("tlsight.fixAll"),
    });
  }
  for (const place of standing.unanalysed) {
    choices.push({
      label: `$(warning) Not analysed`,
      description: placed(place),
      run: () => open(uri, place.range),
    });
  }
  if (standing.missingHeaders.length) {
    choices.push({
      label: `$(warning) ${some(standing.missingHeaders.length, "header")} not found`,
      description: headers(standing).replaceAll("`", ""),
      detail:
        "Install the library's development files, or name the folder of compile_commands.json",
      run: command("workbench.action.openSettings", "tlsight.build"),
    });
  }
  return choices;
}

const ALWAYS: readonly Choice[] = [
  { label: "", kind: vscode.QuickPickItemKind.Separator, run: async () => undefined },
  { label: "$(search) Check workspace", run: command("tlsight.checkWorkspace") },
  { label: "$(checklist) Review", run: command("tlsight.showReview") },
  { label: "$(book) Explain rule", run: command("tlsight.explainRule") },
  { label: "$(debug-restart) Restart", run: command("tlsight.restart") },
  { label: "$(output) Show logs", run: command("tlsight.showLogs") },
];

function command(id: string, ...args: readonly unknown[]): () => Thenable<unknown> {
  return () => vscode.commands.executeCommand(id, ...args);
}

async function open(
  uri: vscode.Uri,
  range: Standing["unanalysed"][number]["range"],
): Promise<void> {
  const start = new vscode.Position(range?.start.line ?? 0, range?.start.character ?? 0);
  await vscode.window.showTextDocument(uri, { selection: new vscode.Range(start, start) });
}
