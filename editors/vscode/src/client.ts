/** The language client: what the server is told of this editor, and how its answers are shown. */

import * as vscode from "vscode";
import type { ClientCapabilities, FeatureState, StaticFeature } from "vscode-languageclient/node";
import { LanguageClient, RevealOutputChannelOn, TransportKind } from "vscode-languageclient/node";
import type { Launch } from "./launch";
import { pageUri } from "./pages";
import { serverSettings } from "./settings";

/** Commands that a hover of ours may have links to. */
const LINKED = ["tlsight.explainRule", "tlsight.fixAll"];

export interface Channels {
  readonly log: vscode.LogOutputChannel;
  readonly trace: vscode.LogOutputChannel;
}

export function create(
  context: vscode.ExtensionContext,
  launch: Launch,
  channels: Channels,
): LanguageClient {
  const files = ["file", "untitled"];
  const client = new LanguageClient(
    "tlsight",
    "tlsight",
    {
      command: launch.command,
      args: [...launch.args],
      transport: TransportKind.stdio,
      options: { shell: launch.command.endsWith(".cmd") },
    },
    {
      documentSelector: [
        ...files.flatMap((scheme) => ["c", "cpp"].map((language) => ({ scheme, language }))),
        { scheme: "file", pattern: "**/tlsight.toml" },
      ],
      outputChannel: channels.log,
      traceOutputChannel: channels.trace,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      initializationOptions: () => serverSettings(context),
      markdown: { isTrusted: { enabledCommands: LINKED } },
      diagnosticPullOptions: { onChange: true },
      middleware: {
        workspace: {
          configuration: (params) => params.items.map(() => serverSettings(context)),
        },
        handleDiagnostics: (uri, items, next) => next(uri, items.map(linked)),
        provideDiagnostics: async (document, previous, token, next) => {
          const report = await next(document, previous, token);
          if (report && "items" in report) {
            report.items.forEach(linked);
          }
          return report;
        },
        provideHover: async (document, position, token, next) => {
          const hover = await next(document, position, token);
          const rules = vscode.languages
            .getDiagnostics(document.uri)
            .filter((item) => item.source === "tlsight" && item.range.contains(position))
            .map(ruleOf);
          hover?.contents.forEach(shortened);
          if (hover && rules.length > 0) {
            hover.contents.push(links([...new Set(rules)]));
          }
          return hover;
        },
      },
    },
  );
  client.registerFeature(new AsksForStatus());
  return client;
}

/** The rule of one of our diagnostics. */
export function ruleOf(item: vscode.Diagnostic): string {
  return String(typeof item.code === "object" ? item.code.value : item.code);
}

/** Effect: has the rule's name in the Problems view open its page as a person reads it. */
function linked(item: vscode.Diagnostic): vscode.Diagnostic {
  if (typeof item.code === "object") {
    item.code = { value: item.code.value, target: pageUri(ruleOf(item)) };
  }
  return item;
}

/**
 * Effect: leaves out what the editor shows above a hover already, and the examples, which are what
 * the link to the page is for.
 */
function shortened(content: vscode.MarkdownString | vscode.MarkedString): void {
  if (content instanceof vscode.MarkdownString) {
    const pages = content.value.split("\n\n---\n\n").filter((part) => part.startsWith("# "));
    content.value = pages.map(withoutExamples).join("\n\n---\n\n") || content.value;
  }
}

/** A page up to the section that its first example is in, with small headings. */
function withoutExamples(page: string): string {
  const [prose = ""] = page.split(/^`{3}/m, 1);
  const section = prose.length < page.length ? prose.lastIndexOf("\n## ") : -1;
  return (section < 0 ? prose : prose.slice(0, section)).trim().replace(/^#(#?) /gm, "###$1 ");
}

function links(rules: readonly string[]): vscode.MarkdownString {
  const text = rules.map((rule) => {
    const argument = encodeURIComponent(JSON.stringify([rule]));
    return `[Open the page of ${rule}](command:tlsight.explainRule?${argument})`;
  });
  const shown = new vscode.MarkdownString(text.join(" · "));
  shown.isTrusted = { enabledCommands: LINKED };
  return shown;
}

class AsksForStatus implements StaticFeature {
  fillClientCapabilities(capabilities: ClientCapabilities): void {
    const experimental = (capabilities.experimental ?? {}) as Record<string, unknown>;
    capabilities.experimental = { ...experimental, tlsightStatus: true };
  }

  initialize(): void {
    // It is a notification, which is heard wherever the client is known.
  }

  getState(): FeatureState {
    return { kind: "static" };
  }

  clear(): void {
    // It keeps nothing.
  }
}
