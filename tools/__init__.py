"""Commands for developers of the project; the service does not import them."""
