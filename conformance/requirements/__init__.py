"""Right and wrong: the requirements as data, the model of a legal thread, and verdicts."""
