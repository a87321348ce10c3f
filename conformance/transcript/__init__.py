"""The transcript of a play: its format, the recorder that fills it, and the redaction of secrets."""
