/** Starts the server in a workspace that is trusted, and keeps it as the settings want it. */

import { readFile } from "node:fs/promises";
import * as vscode from "vscode";
import { type LanguageClient, State } from "vscode-languageclient/node";
import { type Channels, create, ruleOf } from "./client";
import * as commands from "./commands";
import { find, type Launch, NoServer, onOtherInterpreter } from "./launch";
import { RulePages, SCHEME } from "./pages";
import { type Page, Pages, Status } from "./protocol";
import { openPlace, showReview } from "./review";
import { StatusItem } from "./status";
import { TraceChannel } from "./trace";

/** Settings that decide which server runs. */
const LAUNCHING = ["tlsight.path", "tlsight.interpreter", "tlsight.importStrategy"];

let extension: Extension | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  extension = new Extension(context);
  await extension.begin();
}

export async function deactivate(): Promise<void> {
  await extension?.stop();
}

class Extension {
  private readonly channels: Channels;
  private readonly status = new StatusItem();
  private client: LanguageClient | undefined;
  private launch: Launch | undefined;
  /** Starts and stops follow each other, however quickly they are asked for. */
  private turn: Promise<void> = Promise.resolve();

  constructor(private readonly context: vscode.ExtensionContext) {
    this.channels = {
      log: vscode.window.createOutputChannel("tlsight", { log: true }),
      trace: new TraceChannel("tlsight Trace"),
    };
    const pages = new RulePages(() => this.pages());
    context.subscriptions.push(
      this.channels.log,
      this.channels.trace,
      this.status,
      vscode.workspace.registerTextDocumentContentProvider(SCHEME, pages),
      command("tlsight.restart", () => this.restart()),
      command("tlsight.showLogs", () => this.channels.log.show()),
      command("tlsight.showStatus", () => commands.showStatus(this.status.current())),
      command("tlsight.checkWorkspace", () => this.running(commands.checkWorkspace)),
      command("tlsight.explainRule", (rule) =>
        this.running(() => pages.show(typeof rule === "string" ? rule : ruleAtCursor())),
      ),
      command("tlsight.showReview", () => this.running(showReview)),
      command("tlsight.openPlace", openPlace),
      command("tlsight.fixAll", () => this.running(commands.fixAll)),
      command("tlsight.openExample", () => this.openExample()),
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.restart()),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (LAUNCHING.some((name) => event.affectsConfiguration(name))) {
          void this.restart();
        }
      }),
    );
  }

  async begin(): Promise<void> {
    await this.restart();
    const watching = await onOtherInterpreter(() => {
      if (!this.launch || this.launch.byPythonExtension) {
        void this.restart();
      }
    });
    if (watching) {
      this.context.subscriptions.push(watching);
    }
  }

  /** Effect: ends the server if there is one, and starts the one that the settings name. */
  restart(): Promise<void> {
    this.turn = this.turn.then(async () => {
      await this.end();
      await this.start();
    });
    return this.turn;
  }

  stop(): Promise<void> {
    this.turn = this.turn.then(() => this.end());
    return this.turn;
  }

  private async start(): Promise<void> {
    if (!vscode.workspace.isTrusted) {
      this.status.setServer({ kind: "untrusted" });
      return;
    }
    this.status.setServer({ kind: "starting" });
    try {
      const launch = await find(this.context, this.channels.log);
      this.launch = launch;
      this.channels.log.info(`tlsight ${launch.version} of ${launch.origin}`);
      const client = create(this.context, launch, this.channels);
      this.client = client;
      client.onNotification(Status, (standing) =>
        this.status.setStanding(client.protocol2CodeConverter.asUri(standing.uri), standing),
      );
      client.onDidChangeState(({ newState }) => this.changed(client, launch, newState));
      await client.start();
    } catch (error) {
      await this.failed(error);
    }
  }

  private async end(): Promise<void> {
    const client = this.client;
    this.client = this.launch = undefined;
    try {
      await client?.dispose();
    } catch (error) {
      this.channels.log.warn(`the server did not end in order: ${String(error)}`);
    }
  }

  private changed(client: LanguageClient, launch: Launch, state: State): void {
    if (this.client !== client) {
      return;
    }
    if (state === State.Running) {
      const { version, origin } = launch;
      this.status.setServer({ kind: "running", version, origin });
    } else if (state === State.Starting) {
      this.status.setServer({ kind: "starting" });
    } else {
      const reason =
        "The server has ended. It is started again unless that happens too often; " +
        "restart it by hand if it stays away, and see the logs for the reason.";
      this.status.setServer({ kind: "failed", reason });
    }
  }

  private async failed(error: unknown): Promise<void> {
    const reason = error instanceof Error ? error.message : String(error);
    this.channels.log.error(reason);
    for (const tried of error instanceof NoServer ? error.tried : []) {
      this.channels.log.error(`tried ${tried}`);
    }
    this.status.setServer({ kind: "failed", reason });
    void vscode.window
      .showErrorMessage(`tlsight: ${reason}`, "Open Settings", "Show Logs")
      .then((chosen) => {
        if (chosen === "Open Settings") {
          void vscode.commands.executeCommand("workbench.action.openSettings", "tlsight.");
        } else if (chosen) {
          this.channels.log.show();
        }
      });
  }

  /** Effect: does something with the server, or says why that is not to be had. */
  private async running(work: (client: LanguageClient) => Promise<void>): Promise<void> {
    await this.turn;
    if (this.client?.isRunning()) {
      await work(this.client);
    } else if (!vscode.workspace.isTrusted) {
      const trust = "Manage Trust";
      const chosen = await vscode.window.showWarningMessage(
        "tlsight is off, since this workspace is not trusted. Trust it to turn tlsight on.",
        trust,
      );
      if (chosen) {
        await vscode.commands.executeCommand("workbench.trust.manage");
      }
    } else {
      const chosen = await vscode.window.showWarningMessage(
        "tlsight is not running. Restart it, or see the logs for the reason.",
        "Restart",
        "Show Logs",
      );
      if (chosen) {
        await vscode.commands.executeCommand(
          chosen === "Restart" ? "tlsight.restart" : "tlsight.showLogs",
        );
      }
    }
  }

  private async pages(): Promise<readonly Page[]> {
    await this.turn;
    return this.client?.isRunning() ? await this.client.sendRequest(Pages, {}) : [];
  }

  private async openExample(): Promise<void> {
    const file = this.context.asAbsolutePath("media/example.c");
    const content = await readFile(file, "utf8");
    const document = await vscode.workspace.openTextDocument({ language: "c", content });
    await vscode.window.showTextDocument(document);
  }
}

function command(id: string, run: (argument: unknown) => unknown): vscode.Disposable {
  return vscode.commands.registerCommand(id, run);
}

function ruleAtCursor(): string | undefined {
  const editor = vscode.window.activeTextEditor;
  const found = editor
    ? vscode.languages
        .getDiagnostics(editor.document.uri)
        .find((item) => item.source === "tlsight" && item.range.contains(editor.selection.active))
    : undefined;
  return found && ruleOf(found);
}
