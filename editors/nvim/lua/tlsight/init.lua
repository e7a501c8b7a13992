-- Starts the server in every Neovim that can, and says how the analysis stands.

local M = {}

---The configuration that setup() made, where Neovim keeps none by name.
---@type table?
M.config = nil

---Starts tlsight for C and C++ files, those too that are open already.
---
---Before Neovim 0.11 this does by hand what vim.lsp.enable() does since.
---@param options? table what goes over the configuration, as for vim.lsp.config()
function M.setup(options)
  if vim.fn.has('nvim-0.10') == 0 then
    vim.notify('tlsight needs Neovim 0.10 or later', vim.log.levels.ERROR)
    return
  end
  if vim.lsp.config then
    vim.lsp.config('tlsight', options or {})
    vim.lsp.enable('tlsight')
    return
  end
  local config = vim.tbl_deep_extend('force', require('tlsight.config'), options or {})
  config.name = 'tlsight'
  config.capabilities = vim.tbl_deep_extend(
    'force',
    vim.lsp.protocol.make_client_capabilities(),
    config.capabilities
  )
  M.config = config
  local function start(buffer)
    if vim.bo[buffer].buftype == '' then
      local root = vim.fs.root(buffer, config.root_markers)
      vim.lsp.start(vim.tbl_extend('keep', { root_dir = root }, config), { bufnr = buffer })
    end
  end
  vim.api.nvim_create_autocmd('FileType', {
    group = vim.api.nvim_create_augroup('tlsight', {}),
    pattern = config.filetypes,
    callback = function(event)
      start(event.buf)
    end,
  })
  for _, buffer in ipairs(vim.api.nvim_list_bufs()) do
    if vim.tbl_contains(config.filetypes, vim.bo[buffer].filetype) then
      start(buffer)
    end
  end
end

---A number with its word.
---@param count integer
---@param word string
---@return string
function M.some(count, word)
  return ('%d %s%s'):format(count, word, count == 1 and '' or 's')
end

---How many findings there are, from the worst on, or ''.
---@param findings table<string, integer>
---@return string
function M.counted(findings)
  local words = {}
  for _, severity in ipairs({ 'error', 'warning' }) do
    if (findings[severity] or 0) > 0 then
      table.insert(words, M.some(findings[severity], severity))
    end
  end
  if (findings.information or 0) > 0 then
    table.insert(words, ('%d information'):format(findings.information))
  end
  return table.concat(words, ', ')
end

---How the analysis of a buffer stands, for a status line; '' where tlsight has no say.
---@param buffer? integer the buffer in front, if none is given
---@return string
function M.status(buffer)
  local standing = vim.b[buffer or 0].tlsight ---@type tlsight.Standing?
  if not standing then
    return ''
  end
  if standing.stage == 'analysing' then
    return 'tlsight: analysing'
  end
  local unread = #standing.unanalysed
  local found = M.counted(standing.findings)
  local words = { found }
  if found == '' then
    words = { unread > 0 and 'nothing found' or 'clean' }
  end
  if unread > 0 then
    table.insert(words, ('%d not analysed'):format(unread))
  end
  if #standing.missingHeaders > 0 then
    table.insert(words, 'degraded')
  end
  if standing.stage == 'held' then
    table.insert(words, 'as last saved')
  end
  return 'tlsight: ' .. table.concat(words, ' · ')
end

return M
