-- What Neovim is told of the server, however it is started.

---@class tlsight.Standing how the analysis of a document stands (`tlsight/status`)
---@field uri string
---@field stage 'analysing'|'held'|'done'
---@field findings table<'error'|'warning'|'information', integer>
---@field unanalysed tlsight.Place[]
---@field missingHeaders string[]

---@class tlsight.Place what could not be judged
---@field uri? string
---@field reason string
---@field function? string
---@field range? lsp.Range

return {
  cmd = { 'tlsight', 'serve' },
  filetypes = { 'c', 'cpp' },
  root_markers = { 'tlsight.toml', 'compile_commands.json', 'compile_flags.txt', '.git' },
  capabilities = { experimental = { tlsightStatus = true } },
  handlers = {
    ---@param standing tlsight.Standing
    ['tlsight/status'] = function(_, standing)
      local buffer = vim.uri_to_bufnr(standing.uri)
      vim.b[buffer].tlsight = standing
      vim.api.nvim_exec_autocmds('User', {
        pattern = 'TlsightStatus',
        modeline = false,
        data = { buf = buffer },
      })
    end,
  },
}
