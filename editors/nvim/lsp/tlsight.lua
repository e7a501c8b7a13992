-- For Neovim 0.11 and later: put editors/nvim on the runtimepath, then vim.lsp.enable('tlsight').
---@type vim.lsp.Config
return {
  cmd = { 'tlsight', 'serve' },
  filetypes = { 'c', 'cpp' },
  root_markers = {
    'tlsight.toml',
    'compile_commands.json',
    'compile_flags.txt',
    '.git',
  },
}
