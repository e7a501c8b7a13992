-- Plays one scenario in a headless Neovim, and prints what was seen as JSON:
-- nvim -l drive.lua PLUGIN FILE SCENARIO [OPTIONS]
local plugin, file, scenario, options = unpack(arg)
local PATIENCE = 60000

local function diagnostics(buffer)
  return vim.diagnostic.get(buffer or 0)
end

local function messages()
  return vim.api.nvim_exec2('messages', { output = true }).output
end

---Waits for something that is not nil or false, and gives it.
local function wait(what, wanted)
  local seen
  local ok = vim.wait(PATIENCE, function()
    seen = wanted()
    return seen and true or false
  end, 10)
  if not ok then
    error(('in vain for %s\n%s\n%s'):format(what, vim.inspect(diagnostics()), messages()))
  end
  return seen
end

local function rules()
  local found = vim.tbl_map(function(item)
    return item.code
  end, diagnostics())
  table.sort(found)
  return found
end

local function find(rule)
  return vim.tbl_filter(function(item)
    return item.code == rule
  end, diagnostics())[1]
end

local function shown(rule)
  return wait(rule, function()
    return find(rule)
  end)
end

local function go(rule)
  local found = shown(rule)
  vim.api.nvim_win_set_cursor(0, { found.lnum + 1, found.col })
end

local function apply(title, kind)
  vim.lsp.buf.code_action({
    apply = true,
    context = kind and { only = { kind }, diagnostics = {} } or nil,
    filter = function(action)
      return action.title:find(title, 1, true) ~= nil
    end,
  })
end

---The lines of the floating window that is open.
local function float()
  for _, window in ipairs(vim.api.nvim_list_wins()) do
    if vim.api.nvim_win_get_config(window).relative ~= '' then
      local buffer = vim.api.nvim_win_get_buf(window)
      return table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, false), '\n')
    end
  end
end

local function hover()
  vim.lsp.buf.hover()
  return wait('a hover', float)
end

---Whether the server says this of the buffer in front.
local function stands(stage)
  local seen = vim.b.tlsight
  return seen and seen.stage == stage and seen
end

local function standing(stage)
  return wait(stage, function()
    return stands(stage)
  end)
end

local function type_below(line, text)
  vim.api.nvim_win_set_cursor(0, { line, 0 })
  vim.api.nvim_feedkeys(vim.api.nvim_replace_termcodes('o' .. text .. '<Esc>', true, false, true), 'tx', false)
end

local scenarios = {}

---See, read, mend, write.
function scenarios.mend(seen)
  shown('weak-hash')
  seen.before = rules()
  go('weak-hash')
  seen.hover = hover()
  apply('Sha256')
  wait('the diagnostic to go', function()
    return not find('weak-hash')
  end)
  seen.after = rules()
  vim.cmd('silent write')
end

---With the option run on save: nothing comes before the file is saved.
function scenarios.save(seen)
  shown('weak-hash')
  standing('done')
  seen.before = rules()
  type_below(vim.api.nvim_buf_line_count(0), 'void two(QSslConfiguration &c) { c.setProtocol(QSsl::TlsV1_0); }')
  standing('held')
  -- The menu is answered from what was typed, so that has been analysed by then.
  local answers = vim.lsp.buf_request_sync(0, 'textDocument/codeAction', {
    textDocument = vim.lsp.util.make_text_document_params(),
    range = { start = { line = 0, character = 0 }, ['end'] = { line = 99, character = 0 } },
    context = { diagnostics = {}, only = { 'quickfix' } },
  }, PATIENCE)
  seen.offered = vim.tbl_map(function(action)
    return action.title
  end, select(2, next(answers)).result)
  seen.unsaved = rules()
  seen.status = require('tlsight').status()
  vim.cmd('silent write')
  shown('weak-protocol-version')
  seen.saved = rules()
end

---All files into the quickfix list; then again, and stopped.
function scenarios.check(seen)
  shown('weak-hash')
  vim.cmd('Tlsight check')
  wait('the list', function()
    return vim.fn.getqflist({ title = 0 }).title == 'tlsight'
  end)
  seen.list = vim.tbl_map(function(item)
    local name = vim.fn.fnamemodify(vim.fn.bufname(item.bufnr), ':t')
    return { name, item.lnum, item.col, item.type, item.text }
  end, vim.fn.getqflist())
  seen.open = vim.fn.getqflist({ winid = 0 }).winid ~= 0
  vim.cmd('Tlsight check')
  vim.cmd('Tlsight! check')
  seen.messages = messages()
end

---The other commands, with what can follow on the command line.
function scenarios.commands(seen)
  go('weak-hash')
  seen.words = vim.fn.getcompletion('Tlsight ', 'cmdline')
  seen.rules = vim.fn.getcompletion('Tlsight explain weak-h', 'cmdline')
  vim.cmd('Tlsight explain')
  seen.page = wait('the page', function()
    local name = vim.api.nvim_buf_get_name(0)
    return name == 'tlsight://weak-hash' and vim.api.nvim_buf_get_lines(0, 0, -1, false)
  end)
  seen.filetype = vim.bo.filetype
  vim.cmd.close()
  vim.cmd('Tlsight fix')
  wait('the fix', function()
    return not find('result-misread')
  end)
  standing('done')
  vim.cmd('Tlsight fix')
  wait('the word that there is no more', function()
    return messages():find('nothing that can be mended', 1, true)
  end)
  seen.status = vim.api.nvim_exec2('Tlsight status', { output = true }).output
  local before = vim.lsp.get_clients({ name = 'tlsight' })[1].id
  vim.cmd('Tlsight restart')
  local after = wait('the next server', function()
    return vim.lsp.get_clients({ name = 'tlsight' })[1]
  end)
  seen.restarted = after.id ~= before
  vim.cmd('silent undo')
  shown('result-misread')
  vim.cmd('Tlsight nonsense')
  seen.messages = messages()
  vim.cmd('helptags ' .. plugin .. '/doc')
  vim.cmd('help :Tlsight-check')
  seen.help = vim.fn.getline('.')
end

---A little of everything, for what is said on the wire.
function scenarios.tour(seen)
  standing('done')
  go('weak-hash')
  seen.hover = hover()
  apply('Sha256')
  wait('the diagnostic to go', function()
    return not find('weak-hash')
  end)
  standing('done')
  vim.cmd('Tlsight fix')
  wait('the fix', function()
    return not find('result-misread')
  end)
  vim.cmd('silent write')
  vim.cmd('Tlsight check')
  wait('the check', function()
    return vim.fn.getqflist({ title = 0 }).title == 'tlsight'
  end)
  vim.cmd('Tlsight explain weak-hash')
  wait('the page', function()
    return vim.api.nvim_buf_get_name(0) == 'tlsight://weak-hash'
  end)
end

---The health check, of a server that runs.
function scenarios.health(seen)
  shown('weak-hash')
  standing('done')
  vim.cmd('checkhealth tlsight')
  seen.health = table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n')
end

---The health check where there is no server.
function scenarios.lost(seen)
  vim.cmd('checkhealth tlsight')
  seen.health = table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n')
end

---With clangd beside it: everything that is shown, while typing and after a save.
function scenarios.beside(seen)
  vim.lsp.start({ name = 'clangd', cmd = { vim.env.CLANGD, '--log=error' }, root_dir = vim.fs.dirname(file) })
  local function all()
    return vim.tbl_map(function(item)
      return { item.source, item.lnum, item.col, item.code or '', item.message }
    end, diagnostics())
  end
  local function both(clangd, ours)
    return wait(('%d and %d'):format(clangd, ours), function()
      local count = { clang = 0, tlsight = 0 }
      for _, item in ipairs(diagnostics()) do
        count[item.source] = (count[item.source] or 0) + 1
      end
      return stands('done') and count.clang >= clangd and count.tlsight == ours and all()
    end)
  end
  seen.opened = both(2, 1)
  type_below(vim.api.nvim_buf_line_count(0), 'void two(QSslConfiguration &c) { c.setProtocol(QSsl::TlsV1_0); missing(); }')
  seen.typed = both(3, 2)
  vim.cmd('silent write')
  seen.saved = both(3, 2)
  go('weak-hash')
  seen.hover = hover()
end

vim.opt.runtimepath:prepend(plugin)
vim.cmd('filetype on')
vim.cmd.runtime('plugin/tlsight.lua')
local given = vim.json.decode(options or '{}')
if given.enable then
  vim.lsp.enable('tlsight')
else
  require('tlsight').setup(given.setup)
end
vim.cmd.edit(file)
local seen = vim.empty_dict()
scenarios[scenario](seen)
io.stdout:write(vim.json.encode(seen) .. '\n')
vim.cmd('silent! qall!')
