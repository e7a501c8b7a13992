-- :checkhealth tlsight: whether the server can run, whether it does, and what it lacks.

local M = {}

local health = vim.health

---The program that the configuration names, for whatever Neovim this is.
local function configured()
  local own = vim.lsp.config and vim.lsp.config.tlsight or require('tlsight').config
  return (own or require('tlsight.config')).cmd
end

---@return string[]? lines nil if the program does not run
local function output(command)
  local ok, ran = pcall(vim.system, command, { text = true, timeout = 60000 })
  if not ok then
    return nil
  end
  local done = ran:wait()
  if done.code ~= 0 and done.stdout == '' then
    return nil
  end
  return vim.split(vim.trim(done.stdout), '\n')
end

local function program()
  local command = configured()
  if type(command) == 'function' then
    health.ok('the server is connected to by a function of the configuration')
    return nil
  end
  local version = output({ command[1], '--version' })
  if not version then
    health.error(("'%s' does not run"):format(command[1]), {
      'Install it: pip install tlsight',
      "Or name it: require('tlsight').setup({ cmd = { '/path/to/tlsight', 'serve' } })",
    })
    return nil
  end
  health.ok(('%s, %s'):format(version[1], vim.fn.exepath(command[1])))
  return command[1]
end

local function clients()
  local found = vim.lsp.get_clients({ name = 'tlsight' })
  if #found == 0 then
    health.warn('no server runs', {
      "Start it with vim.lsp.enable('tlsight'), or require('tlsight').setup() before Neovim 0.11",
      'Open a C or C++ file',
      'Read what went wrong: :lua vim.cmd.edit(vim.lsp.get_log_path())',
    })
  end
  for _, client in ipairs(found) do
    local root = client.config.root_dir or 'no folder'
    local buffers = require('tlsight').some(#vim.tbl_keys(client.attached_buffers), 'buffer')
    health.ok(('a server runs for %s, with %s'):format(root, buffers))
  end
end

local function buffers()
  for _, buffer in ipairs(vim.api.nvim_list_bufs()) do
    local standing = vim.b[buffer].tlsight ---@type tlsight.Standing?
    if standing then
      local name = vim.fn.fnamemodify(vim.api.nvim_buf_get_name(buffer), ':~:.')
      local text = ('%s: %s'):format(name, require('tlsight').status(buffer))
      if #standing.unanalysed > 0 then
        local reasons = vim.tbl_map(function(place)
          local subject = place['function'] and place['function'] .. '(): ' or ''
          return subject .. place.reason
        end, standing.unanalysed)
        health.warn(text, reasons)
      else
        health.info(text)
      end
    end
  end
end

---What `tlsight doctor` says of a folder: a line for each thing, and below it what its lack costs.
local function doctor(command, folder)
  local lines = output({ command, 'doctor', folder })
  if not lines then
    health.error(("'%s doctor %s' failed"):format(command, folder))
    return
  end
  for index, line in ipairs(lines) do
    local mark, text = line:match('^([+-]) (.*)$')
    if mark == '+' then
      health.ok(text)
    elseif mark == '-' then
      health.warn(text, vim.trim((lines[index + 1] or ''):match('^%s+.*$') or ''))
    end
  end
end

function M.check()
  health.start('tlsight: the server')
  local command = program()
  clients()
  health.start('tlsight: the buffers')
  buffers()
  if command then
    local client = vim.lsp.get_clients({ name = 'tlsight' })[1]
    local folder = client and client.config.root_dir or vim.fn.getcwd()
    health.start('tlsight: what the analysis has at hand in ' .. folder)
    doctor(command, folder)
  end
end

return M
