"""CHK: checkpoints and history.

`chain` has the checks of the history and of the checkpoints in it. `updates` has those of updates of the state, and of
runs that start from an older checkpoint.
"""
