"""Commands for those who work on the project; nothing that serves imports them."""
