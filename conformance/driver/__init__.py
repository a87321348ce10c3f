"""The driver, which plays a scenario against a deployment and returns the transcript. It judges nothing.

`player` plays a whole scenario. `dispatch` finds the function that makes a move. `moves` contains these functions, one
module for each kind of move. `context` is the state that the moves of one play share.
"""
