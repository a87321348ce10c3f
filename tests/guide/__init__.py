"""The guides' own code, played by their own three clients against the mock and a real server."""
