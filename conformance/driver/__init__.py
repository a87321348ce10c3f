"""Plays a scenario against a deployment and hands back the transcript; nothing here knows right from wrong.

`player` plays a whole scenario. `dispatch` finds the function that makes a move, and `moves` holds those functions, one
module per kind of move. `context` is what the moves of one play share.
"""
