"""The facts of a recorded play, the registry of checks, and the judge."""
