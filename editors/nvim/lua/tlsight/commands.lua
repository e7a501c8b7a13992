-- What :Tlsight does: check, explain, fix, restart and status.

local tlsight = require('tlsight')

local M = {}

---The check of the folders that is under way.
---@type { client: vim.lsp.Client, request: integer }?
local checking

local function say(text, level)
  vim.notify('tlsight: ' .. text, level or vim.log.levels.INFO)
end

---@return vim.lsp.Client?
local function client()
  local found = vim.lsp.get_clients({ name = 'tlsight', bufnr = 0 })[1]
    or vim.lsp.get_clients({ name = 'tlsight' })[1]
  if not found then
    say('it does not run; :checkhealth tlsight says why', vim.log.levels.WARN)
  end
  return found
end

---Calls a client in the way of this Neovim: its functions are methods since 0.11.
---@param server vim.lsp.Client
---@param name 'request'|'cancel_request'
local function call(server, name, ...)
  if vim.fn.has('nvim-0.11') == 1 then
    return server[name](server, ...)
  end
  return server[name](...)
end

---@param diagnostic vim.Diagnostic
local function is_ours(diagnostic)
  return diagnostic.source == 'tlsight'
end

---The findings in all files, and what was not analysed, as entries of a quickfix list.
---@param unanalysed tlsight.Place[]
---@param encoding string
local function entries(unanalysed, encoding)
  local items = vim.diagnostic.toqflist(vim.tbl_filter(is_ours, vim.diagnostic.get()))
  for _, place in ipairs(unanalysed) do
    local item = { filename = vim.uri_to_fname(place.uri), lnum = 1, type = 'N' }
    if place.range then
      local location = { uri = place.uri, range = place.range }
      local at = vim.lsp.util.locations_to_items({ location }, encoding)[1]
      item.lnum, item.col = at.lnum, at.col
    end
    local subject = place['function'] and place['function'] .. '(): ' or ''
    item.text = 'not analysed: ' .. subject .. place.reason
    table.insert(items, item)
  end
  local function key(item)
    return { item.filename or vim.api.nvim_buf_get_name(item.bufnr), item.lnum, item.col or 0 }
  end
  table.sort(items, function(one, other)
    local a, b = key(one), key(other)
    for index = 1, 3 do
      if a[index] ~= b[index] then
        return a[index] < b[index]
      end
    end
    return false
  end)
  return items
end

---Analyses all files of the folders, and fills the quickfix list. With a bang: stops that.
local function check(_, bang)
  if checking then
    if bang then
      -- Neovim keeps the answer to a request that was cancelled to itself.
      call(checking.client, 'cancel_request', checking.request)
      checking = nil
      say('the check was stopped')
    else
      say('a check is under way; :Tlsight! check stops it')
    end
    return
  end
  local server = not bang and client()
  if not server then
    return
  end
  local token = ('tlsight-check-%d'):format(vim.uv.hrtime())
  local sent, request = call(server, 'request', 'tlsight/check', { workDoneToken = token }, function(err, seen)
    checking = nil
    if err then
      say(err.message, vim.log.levels.WARN)
      return
    end
    local items = entries(seen.unanalysed, server.offset_encoding)
    vim.fn.setqflist({}, ' ', { title = 'tlsight', items = items })
    if #items > 0 then
      vim.cmd('botright copen')
      vim.cmd('wincmd p')
    end
    local found = tlsight.counted(seen.findings)
    local unread = #seen.unanalysed
    say(
      ('checked %s beside those that are open: %s%s'):format(
        tlsight.some(seen.files, 'file'),
        found == '' and 'nothing found' or found,
        unread > 0 and '; not analysed: ' .. tlsight.some(unread, 'place') or ''
      )
    )
  end)
  if sent then
    checking = { client = server, request = request }
    say('checking the folders; :Tlsight! check stops it')
  end
end

---The rule of the finding on the line of the cursor; the nearest if there are several.
local function rule_here()
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  local found = vim.tbl_filter(is_ours, vim.diagnostic.get(0, { lnum = row - 1 }))
  table.sort(found, function(one, other)
    return math.abs(one.col - column) < math.abs(other.col - column)
  end)
  return found[1] and found[1].code
end

---Shows the page of a rule in a window of its own.
local function explain(rules)
  local server = client()
  local rule = rules[1] or rule_here()
  if not rule then
    say('there is no finding on this line; name a rule: :Tlsight explain RULE')
    return
  end
  if not server then
    return
  end
  call(server, 'request', 'tlsight/pages', vim.empty_dict(), function(err, pages)
    local page = vim.tbl_filter(function(item)
      return item.rule == rule
    end, pages or {})[1]
    if not page then
      say(err and err.message or ("there is no rule '%s'"):format(rule), vim.log.levels.WARN)
      return
    end
    local buffer = vim.fn.bufadd('tlsight://' .. rule)
    vim.fn.bufload(buffer)
    vim.bo[buffer].buftype, vim.bo[buffer].swapfile = 'nofile', false
    vim.bo[buffer].modifiable = true
    vim.api.nvim_buf_set_lines(buffer, 0, -1, false, vim.split(vim.trim(page.markdown), '\n'))
    vim.bo[buffer].modifiable = false
    vim.bo[buffer].filetype = 'markdown'
    vim.cmd.sbuffer(buffer)
  end)
end

---Applies all fixes of the buffer that change nothing but the weakness, and says how many.
local function fix()
  local server = client()
  if not server then
    return
  end
  local buffer = vim.api.nvim_get_current_buf()
  local whole = { line = vim.api.nvim_buf_line_count(buffer), character = 0 }
  call(server, 'request', 'textDocument/codeAction', {
    textDocument = vim.lsp.util.make_text_document_params(buffer),
    range = { start = { line = 0, character = 0 }, ['end'] = whole },
    context = { only = { 'source.fixAll.tlsight' }, diagnostics = {} },
  }, function(_, actions)
    if not actions or #actions == 0 then
      say('there is nothing that can be mended safely')
      return
    end
    call(server, 'request', 'codeAction/resolve', actions[1], function(err, action)
      if err then
        say(err.message, vim.log.levels.WARN)
        return
      end
      local edit, count = action.edit or {}, 0
      for _, change in ipairs(edit.documentChanges or {}) do
        count = count + #change.edits
      end
      for _, edits in pairs(edit.changes or {}) do
        count = count + #edits
      end
      if count == 0 then
        say('no fix could be proven, so none was applied')
        return
      end
      vim.lsp.util.apply_workspace_edit(edit, server.offset_encoding)
      say('mended ' .. tlsight.some(count, 'place'))
    end)
  end)
end

---Ends the server, and starts it anew for the same buffers.
local function restart()
  for _, server in ipairs(vim.lsp.get_clients({ name = 'tlsight' })) do
    local buffers = vim.tbl_keys(server.attached_buffers)
    local config = server.config
    vim.lsp.stop_client(server.id, true)
    vim.wait(3000, function()
      return vim.lsp.get_client_by_id(server.id) == nil
    end, 10)
    for _, buffer in ipairs(buffers) do
      if vim.api.nvim_buf_is_loaded(buffer) then
        vim.lsp.start(config, { bufnr = buffer })
      end
    end
  end
end

---Says what is found in the buffer, what was not analysed and why, and which headers are missing.
local function status()
  local standing = vim.b.tlsight ---@type tlsight.Standing?
  if not standing then
    say('it does not look at this buffer; :checkhealth tlsight says more')
    return
  end
  local lines = { tlsight.status() }
  for _, place in ipairs(standing.unanalysed) do
    local where = place['function'] and place['function'] .. '()' or 'this file'
    if place.range then
      where = ('%s, line %d'):format(where, place.range.start.line + 1)
    end
    table.insert(lines, ('  not analysed: %s: %s'):format(where, place.reason))
  end
  for _, header in ipairs(standing.missingHeaders) do
    table.insert(lines, '  header not found: ' .. header)
  end
  print(table.concat(lines, '\n'))
end

local commands = {
  check = check,
  explain = explain,
  fix = fix,
  restart = restart,
  status = status,
}

---Runs a command by its name.
---@param arguments string[]
---@param bang boolean
function M.run(arguments, bang)
  local command = commands[arguments[1]]
  if not command then
    local known = vim.tbl_keys(commands)
    table.sort(known)
    say(
      ("there is no command '%s'; there is %s"):format(arguments[1], table.concat(known, ', ')),
      vim.log.levels.WARN
    )
    return
  end
  command(vim.list_slice(arguments, 2), bang)
end

---What can follow on a command line.
---@param line string
---@return string[]
function M.complete(line)
  local words = vim.split(line, '%s+')
  local known = vim.tbl_keys(commands)
  if #words > 2 then
    known = {}
    local server = vim.lsp.get_clients({ name = 'tlsight' })[1]
    if words[2] == 'explain' and server then
      local pages = vim.lsp.buf_request_sync(0, 'tlsight/pages', vim.empty_dict(), 2000) or {}
      for _, page in ipairs((pages[server.id] or {}).result or {}) do
        table.insert(known, page.rule)
      end
    end
  end
  table.sort(known)
  return vim.tbl_filter(function(word)
    return vim.startswith(word, words[#words])
  end, known)
end

return M
