"""What a test may do with a running mock and ask of it: the control API, the journal, the conduct of clients."""
