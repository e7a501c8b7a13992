/** The pages of the rules as read-only documents, and in a panel beside the code. */

import * as vscode from "vscode";
import type { Page } from "./protocol";

export const SCHEME = "tlsight-rule";

export function pageUri(rule: string): vscode.Uri {
  return vscode.Uri.from({ scheme: SCHEME, path: `/${rule}.md` });
}

export class RulePages implements vscode.TextDocumentContentProvider {
  constructor(private readonly pages: () => Promise<readonly Page[]>) {}

  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    const rule = uri.path.slice(1).replace(/\.md$/, "");
    const page = (await this.pages()).find((item) => item.rule === rule);
    return page?.markdown ?? `There is no rule \`${rule}\` in force.\n`;
  }

  /** Effect: shows the page of a rule beside the code; asks which, if none is given. */
  async show(rule: string | undefined): Promise<void> {
    const chosen = rule ?? (await this.choose());
    if (chosen !== undefined) {
      await vscode.commands.executeCommand("markdown.showPreviewToSide", pageUri(chosen));
    }
  }

  private async choose(): Promise<string | undefined> {
    const pages = await this.pages();
    const items = pages.map((page) => ({ label: page.rule, description: page.title }));
    const chosen = await vscode.window.showQuickPick(items, {
      title: "tlsight: Explain Rule",
      placeHolder: "The rule whose page is shown",
      matchOnDescription: true,
    });
    return chosen?.label;
  }
}
