"""RUN: the representation of a run, and the order of its statuses.

`records` compares what answers show of a run. `execution` compares it with what the agent did.
"""
