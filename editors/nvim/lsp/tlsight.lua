-- Found by Neovim 0.11 and later for vim.lsp.enable('tlsight'); see :help tlsight.
return require('tlsight.config')
