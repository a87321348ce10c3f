"""Histories of one thread, and a checker that decides whether a correct server can have produced one.

The modules, from the ground up:

- `freedoms`: the choices that the documents leave open.
- `model`: a thread as a state machine.
- `history`: the types of a history. Operations and readings are intervals, and reports of the agent are points.
- `readings`: the comparison of one reading with one state of the model.
- `outlook`: the demands of the rest of a history on a state.
- `checker`: the search for an order that explains a whole history.
- `transcribe`, with `spelling` and `streams`: the history in the transcript of a play.
"""
