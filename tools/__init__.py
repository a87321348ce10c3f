"""Programs for the documentation: the example report, and the hooks of the site."""
