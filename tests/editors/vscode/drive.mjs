/** Plays one scenario in a VS Code that serves at a URL, and prints what was seen as JSON. */

import { parseArgs } from "node:util";
import { scenarios } from "./scenarios.mjs";
import { Workbench } from "./workbench.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    url: { type: "string" },
    folder: { type: "string" },
    profile: { type: "string" },
    shots: { type: "string" },
    browser: { type: "string" },
    pid: { type: "string" },
  },
});

const workbench = await Workbench.open(values);
try {
  const seen = await scenarios[positionals[0]](workbench, values);
  console.log(JSON.stringify(seen, null, 2));
} catch (error) {
  await workbench.shot(`${positionals[0]}-failed`);
  throw error;
} finally {
  await workbench.close();
}
