/** What the server says and is asked beyond the protocol; see editors/README.md. */

import type { ProgressToken, Range } from "vscode-languageclient/node";
import { NotificationType, RequestType } from "vscode-languageclient/node";

export interface Findings {
  readonly error: number;
  readonly warning: number;
  readonly information: number;
}

export interface Unanalysed {
  readonly reason: string;
  readonly function?: string;
  readonly range?: Range;
}

export interface Standing {
  readonly uri: string;
  readonly version: number;
  readonly stage: "analysing" | "held" | "done";
  readonly findings: Findings;
  readonly mendable: number;
  readonly suppressed: number;
  readonly unanalysed: readonly Unanalysed[];
  readonly missingHeaders: readonly string[];
}

export interface Summary {
  readonly files: number;
  readonly findings: Findings;
  readonly unanalysed: readonly (Unanalysed & { readonly uri: string })[];
}

export interface Page {
  readonly rule: string;
  readonly title: string;
  readonly markdown: string;
}

export const Status = new NotificationType<Standing>("tlsight/status");

export const Check = new RequestType<{ workDoneToken: ProgressToken }, Summary, void>(
  "tlsight/check",
);

export const Pages = new RequestType<Record<string, never>, Page[], void>("tlsight/pages");

/** How many findings there are, of whatever severity. */
export function total(findings: Findings): number {
  return findings.error + findings.warning + findings.information;
}

/** "2 errors, 1 warning"; empty if there are none. */
export function counted(findings: Findings): string {
  const parts = [
    some(findings.error, "error"),
    some(findings.warning, "warning"),
    findings.information ? `${findings.information} to modernise` : "",
  ];
  return parts.filter(Boolean).join(", ");
}

/** "1 place", "2 places"; empty for none. */
export function some(count: number, name: string): string {
  return count === 0 ? "" : count === 1 ? `1 ${name}` : `${count} ${name}s`;
}
