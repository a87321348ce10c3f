"""How much of the published API the mock covers: what is published, what is declared, and the page of both."""
