"""The rule book: the requirements as data, their areas, and the page that lists them."""
