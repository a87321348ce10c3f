"""The parts of the probe agent: its configuration, its conversation, and its reports to the witness."""
