/** A clangd in VS Code, as its own extension would start it, where no marketplace is in reach. */

const { workspace } = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

exports.activate = async () => {
  const [command, ...args] = workspace.getConfiguration("clangd").get("command");
  client = new LanguageClient(
    "clangd",
    "clangd",
    { command, args },
    { documentSelector: ["c", "cpp"].map((language) => ({ scheme: "file", language })) },
  );
  await client.start();
};

exports.deactivate = () => client?.stop();
