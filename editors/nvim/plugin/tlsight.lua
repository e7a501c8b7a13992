-- The command :Tlsight, and nothing that takes time when Neovim starts.

if vim.g.loaded_tlsight then
  return
end
vim.g.loaded_tlsight = true

vim.api.nvim_create_user_command('Tlsight', function(arguments)
  require('tlsight.commands').run(arguments.fargs, arguments.bang)
end, {
  nargs = '+',
  bang = true,
  desc = 'tlsight: check, explain, fix, restart, status',
  complete = function(_, line)
    return require('tlsight.commands').complete(line)
  end,
})
