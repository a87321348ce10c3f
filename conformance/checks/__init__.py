"""The checks: for every requirement, one pure function of a play, in the module of its area.

A check returns when the requirement holds (for a PROFILE requirement: the freedom that was taken), raises
`Broken` when it does not, and `Unproven` when the record cannot show it. It never waits and never talks to a server.
The decorator `@check` of `judge/check.py` registers it.
"""
