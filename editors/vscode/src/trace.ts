/**
 * The channel of the messages between editor and server.
 *
 * The language client traces to a channel whose log level is low enough; here the level follows
 * the setting `tlsight.trace.server`, so that setting it is all that one has to do.
 */

import * as vscode from "vscode";

export class TraceChannel implements vscode.LogOutputChannel {
  private readonly channel: vscode.OutputChannel;
  private readonly changed = new vscode.EventEmitter<vscode.LogLevel>();
  private readonly watching: vscode.Disposable;
  readonly onDidChangeLogLevel = this.changed.event;
  readonly name: string;

  constructor(name: string) {
    this.name = name;
    this.channel = vscode.window.createOutputChannel(name);
    this.watching = vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("tlsight.trace.server")) {
        this.changed.fire(this.logLevel);
      }
    });
  }

  get logLevel(): vscode.LogLevel {
    const wanted = vscode.workspace.getConfiguration("tlsight").get("trace.server", "off");
    return wanted === "off" ? vscode.LogLevel.Off : vscode.LogLevel.Trace;
  }

  trace(message: string): void {
    this.channel.appendLine(`${new Date().toISOString()} ${message}`);
  }

  debug(message: string): void {
    this.trace(message);
  }

  info(message: string): void {
    this.trace(message);
  }

  warn(message: string): void {
    this.trace(message);
  }

  error(error: string | Error): void {
    this.trace(String(error));
  }

  append(value: string): void {
    this.channel.append(value);
  }

  appendLine(value: string): void {
    this.channel.appendLine(value);
  }

  replace(value: string): void {
    this.channel.replace(value);
  }

  clear(): void {
    this.channel.clear();
  }

  show(): void {
    this.channel.show(true);
  }

  hide(): void {
    this.channel.hide();
  }

  dispose(): void {
    this.watching.dispose();
    this.changed.dispose();
    this.channel.dispose();
  }
}
