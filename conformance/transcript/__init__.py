"""The record of a play: what is written down, in which order, and without secrets."""
