/** The review of a file or of the workspace, in a panel beside the code. */

import * as vscode from "vscode";
import { ExecuteCommandRequest, type LanguageClient } from "vscode-languageclient/node";
import { withProgress } from "./commands";

const COMMAND = "tlsight.review";
const OPEN = "tlsight.openPlace";

interface Subject extends vscode.QuickPickItem {
  readonly uri?: string;
  readonly title: string;
}

/** Effect: reviews the file in front or all files, and shows what came of it; asks which. */
export async function showReview(client: LanguageClient): Promise<void> {
  const subject = await choose();
  if (!subject) {
    return;
  }
  const html = await withProgress(client, `tlsight: reviewing ${subject.title}`, (sent, token) =>
    client.sendRequest(
      ExecuteCommandRequest.type,
      { command: COMMAND, arguments: [{ uri: subject.uri, format: "html" }], ...sent },
      token,
    ),
  );
  if (typeof html === "string") {
    const panel = vscode.window.createWebviewPanel(
      "tlsight.review",
      `Review: ${subject.title}`,
      vscode.ViewColumn.Beside,
      { enableCommandUris: [OPEN], enableFindWidget: true, localResourceRoots: [] },
    );
    panel.webview.html = linked(html);
  }
}

/** Effect: shows a place that a review links to. */
export async function openPlace(argument: unknown): Promise<void> {
  const { uri, line, column } = argument as { uri: string; line: number; column: number };
  const start = new vscode.Position(line - 1, column - 1);
  await vscode.window.showTextDocument(vscode.Uri.parse(uri, true), {
    selection: new vscode.Range(start, start),
    viewColumn: vscode.ViewColumn.One,
  });
}

async function choose(): Promise<Subject | undefined> {
  const document = vscode.window.activeTextEditor?.document;
  const subjects: Subject[] = [];
  if (document && ["c", "cpp"].includes(document.languageId)) {
    const title = vscode.workspace.asRelativePath(document.uri);
    const label = "This file";
    subjects.push({ label, description: title, title, uri: document.uri.toString() });
  }
  if (vscode.workspace.workspaceFolders?.length) {
    subjects.push({ label: "All files of the workspace", title: "the workspace" });
  }
  if (subjects.length === 0) {
    void vscode.window.showInformationMessage(
      "There is nothing to review. Open a C or C++ file, or a folder, and try again.",
    );
  }
  return subjects.length < 2
    ? subjects[0]
    : await vscode.window.showQuickPick(subjects, {
        title: "tlsight: Review",
        placeHolder: "What is reviewed",
      });
}

/** The page with links that this editor follows to the place itself. */
function linked(html: string): string {
  return html.replace(/href="(file:[^"#]*)#L(\d+),(\d+)"/g, (_, uri, line, column) => {
    const place = { uri: unescaped(uri), line: Number(line), column: Number(column) };
    return `href="command:${OPEN}?${encodeURIComponent(JSON.stringify([place]))}"`;
  });
}

function unescaped(text: string): string {
  return text.replaceAll("&#39;", "'").replaceAll("&amp;", "&");
}
