"""Threads, runs, checkpoints and the rules that decide about them, without any HTTP."""
