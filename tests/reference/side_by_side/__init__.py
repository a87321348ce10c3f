"""Two recordings of the suite laid side by side: the mock and a real server."""
