/**
 * Where the server comes from: a path that was set, the PATH, or the one that this extension brings.
 *
 * Each place is tried by asking it for its version, so that what is chosen also starts. A path or
 * interpreter that was set by hand is never passed over: it works, or the user is told why not.
 */

import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import * as vscode from "vscode";

const PATIENCE_MS = 20_000;

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly version: string;
  /** What a person calls the place. */
  readonly origin: string;
  /** The answer depends on what the Python extension has chosen. */
  readonly byPythonExtension: boolean;
}

/** Why there is no server, for each place that was tried. */
export class NoServer extends Error {
  constructor(
    message: string,
    readonly tried: readonly string[],
  ) {
    super(message);
  }
}

interface Attempt {
  readonly launch?: Launch;
  readonly tried: string[];
}

/** Looks for a server in the order that `tlsight.importStrategy` says. */
export async function find(
  context: vscode.ExtensionContext,
  log: vscode.LogOutputChannel,
): Promise<Launch> {
  const settings = vscode.workspace.getConfiguration("tlsight");
  const path = settings.get<string>("path", "").trim();
  if (path) {
    const attempt = await executable(expanded(path), "the setting tlsight.path");
    if (attempt.launch) {
      return attempt.launch;
    }
    throw new NoServer(
      "The program that the setting tlsight.path names does not start. " +
        "Correct the setting, or clear it to use the tlsight that this extension brings.",
      attempt.tried,
    );
  }
  const tried: string[] = [];
  const places = [fromPath, () => bundled(context, settings)];
  if (settings.get("importStrategy") === "useBundled") {
    places.reverse();
  }
  for (const place of places) {
    const attempt = await place();
    tried.push(...attempt.tried);
    if (attempt.launch) {
      for (const reason of tried) {
        log.info(`passed over: ${reason}`);
      }
      return attempt.launch;
    }
  }
  throw new NoServer(
    "No Python 3.10 or later was found to run tlsight with. Install Python, or name an " +
      "interpreter in the setting tlsight.interpreter.",
    tried,
  );
}

async function fromPath(): Promise<Attempt> {
  const tried: string[] = [];
  for (const file of await onPath("tlsight")) {
    const attempt = await executable(file, "the PATH");
    tried.push(...attempt.tried);
    if (attempt.launch) {
      return { launch: attempt.launch, tried };
    }
  }
  return { tried: tried.length ? tried : ["there is no tlsight on the PATH"] };
}

async function executable(file: string, origin: string): Promise<Attempt> {
  const answer = await ask(file, ["--version"]);
  const version = /^tlsight (\S+)/.exec(answer.output)?.[1];
  if (version === undefined) {
    return { tried: [`${file}: ${answer.error || "this is not tlsight"}`] };
  }
  return {
    launch: { command: file, args: ["serve"], version, origin, byPythonExtension: false },
    tried: [],
  };
}

async function bundled(
  context: vscode.ExtensionContext,
  settings: vscode.WorkspaceConfiguration,
): Promise<Attempt> {
  const start = context.asAbsolutePath(join("python", "start.py"));
  const byHand = settings.get<string>("interpreter", "").trim();
  const candidates = byHand ? [{ file: expanded(byHand), chosen: false }] : await interpreters();
  const tried: string[] = [];
  for (const { file, chosen } of candidates) {
    const answer = await ask(file, ["-I", start, "--probe"]);
    const version = /^tlsight (\S+)/.exec(answer.output)?.[1];
    if (version !== undefined) {
      const launch: Launch = {
        command: file,
        args: ["-I", start, "serve"],
        version,
        origin: `this extension, run by ${file}`,
        byPythonExtension: chosen,
      };
      return { launch, tried };
    }
    tried.push(`${file}: ${answer.error || "this is not Python"}`);
  }
  if (byHand) {
    throw new NoServer(
      "The interpreter that the setting tlsight.interpreter names cannot run tlsight. " +
        "Name another Python 3.10 or later, or clear the setting.",
      tried,
    );
  }
  return { tried: tried.length ? tried : ["there is no python3 or python on the PATH"] };
}

async function interpreters(): Promise<{ file: string; chosen: boolean }[]> {
  const chosen = await pythonExtensionsChoice();
  const names = process.platform === "win32" ? ["python", "python3"] : ["python3", "python"];
  const found = (await Promise.all(names.map(onPath))).flat();
  return [
    ...(chosen ? [{ file: chosen, chosen: true }] : []),
    ...found.filter((file) => file !== chosen).map((file) => ({ file, chosen: false })),
  ];
}

/** What is used here of the Python extension's interface. */
interface PythonExtension {
  readonly environments?: {
    getActiveEnvironmentPath(): { readonly path: string };
    resolveEnvironment(
      path: unknown,
    ): Promise<{ readonly executable: { readonly uri?: vscode.Uri } } | undefined>;
    readonly onDidChangeActiveEnvironmentPath: vscode.Event<unknown>;
  };
}

async function pythonExtension(): Promise<PythonExtension | undefined> {
  const extension = vscode.extensions.getExtension<PythonExtension>("ms-python.python");
  try {
    return await extension?.activate();
  } catch {
    return undefined; // it says so itself
  }
}

async function pythonExtensionsChoice(): Promise<string | undefined> {
  const environments = (await pythonExtension())?.environments;
  if (!environments) {
    return undefined;
  }
  const environment = await environments.resolveEnvironment(
    environments.getActiveEnvironmentPath(),
  );
  return environment?.executable.uri?.fsPath;
}

/** Calls back whenever another interpreter is chosen in the Python extension. */
export async function onOtherInterpreter(then: () => void): Promise<vscode.Disposable | undefined> {
  return (await pythonExtension())?.environments?.onDidChangeActiveEnvironmentPath(then);
}

/** Programs of a name on the PATH; entries that depend on the working folder are left out. */
async function onPath(name: string): Promise<string[]> {
  const suffixes = process.platform === "win32" ? [".exe", ".cmd"] : [""];
  const found: string[] = [];
  for (const folder of (process.env["PATH"] ?? "").split(delimiter).filter(isAbsolute)) {
    for (const suffix of suffixes) {
      const file = join(folder, name + suffix);
      try {
        await access(file, constants.X_OK);
      } catch {
        continue;
      }
      if (!found.includes(file)) {
        found.push(file);
      }
    }
  }
  return found;
}

function ask(file: string, args: readonly string[]): Promise<{ output: string; error: string }> {
  return new Promise((resolve) => {
    const options = { timeout: PATIENCE_MS, windowsHide: true, shell: file.endsWith(".cmd") };
    execFile(file, args, options, (error, output, errors) => {
      const last = errors.trim().split("\n").at(-1) ?? "";
      const reason = error?.killed ? `no answer in ${PATIENCE_MS / 1000} seconds` : last;
      resolve({ output: error ? "" : output, error: reason || (error?.message ?? "") });
    });
  });
}

function expanded(path: string): string {
  const home = process.env["HOME"] ?? process.env["USERPROFILE"] ?? "~";
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? ".";
  // biome-ignore lint/suspicious/noTemplateCurlyInString: this is how VS Code spells the folder
  return path.replace(/^~(?=[\\/])/, home).replaceAll("${workspaceFolder}", folder);
}
