-- Opens a file, waits for a diagnostic, applies the fix that its argument names, and writes the file
-- once the diagnostic has gone: nvim -l check.lua PLUGIN FILE RULE TITLE
local plugin, file, rule, title = unpack(arg)
local PATIENCE = 60000

local function fail(what)
  io.stderr:write(what .. '\n' .. vim.inspect(vim.diagnostic.get(0)) .. '\n')
  os.exit(1)
end

local function found()
  return vim.tbl_filter(function(item)
    return item.code == rule
  end, vim.diagnostic.get(0))[1]
end

vim.opt.runtimepath:prepend(plugin)
vim.cmd('filetype on')
vim.lsp.enable('tlsight')
vim.cmd.edit(file)
if not vim.wait(PATIENCE, function() return found() ~= nil end, 10) then
  fail('no diagnostic was shown')
end

vim.api.nvim_win_set_cursor(0, { found().lnum + 1, found().col })
vim.lsp.buf.code_action({
  apply = true,
  filter = function(action) return action.title:find(title, 1, true) ~= nil end,
})
if not vim.wait(PATIENCE, function() return found() == nil end, 10) then
  fail('the diagnostic did not go')
end

vim.cmd('silent write')
vim.cmd('qall!')
