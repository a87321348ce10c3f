"""The heart of the mock: threads and runs, what may happen to them, and who decides it; no HTTP in here."""
