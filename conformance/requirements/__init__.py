"""The rule book: the requirements as data, their registry and their page."""
