/** The server's options as they are set in the editor. */

import * as vscode from "vscode";

const SECTION = "tlsight";
/** The part of the settings that `scripts/settings.py` makes from the server's options. */
const TITLE = "Analysis";

interface Manifest {
  readonly contributes: {
    readonly configuration: readonly {
      readonly title: string;
      readonly properties: Readonly<Record<string, unknown>>;
    }[];
  };
}

/**
 * Each option of the server with its value. What is set nowhere is null, which leaves it to
 * tlsight.toml; the defaults that the settings editor shows are never sent.
 */
export function serverSettings(context: vscode.ExtensionContext): Record<string, unknown> {
  const manifest = context.extension.packageJSON as Manifest;
  const section = manifest.contributes.configuration.find((item) => item.title === TITLE);
  const configuration = vscode.workspace.getConfiguration(SECTION);
  const values: Record<string, unknown> = {};
  for (const key of Object.keys(section?.properties ?? {})) {
    const name = key.slice(SECTION.length + 1);
    const set = configuration.inspect(name);
    const byHand = [set?.globalValue, set?.workspaceValue, set?.workspaceFolderValue];
    values[name] = byHand.some((value) => value !== undefined) ? configuration.get(name) : null;
  }
  return values;
}
