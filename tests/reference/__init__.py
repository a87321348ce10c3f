"""The official development server with the probe agent in it, for the tests that need a real server."""
