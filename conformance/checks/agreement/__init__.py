"""AGR: one fact that is shown in several places or several times is the same in all of them.

A module has the checks of one kind of fact. `contradictions` has what they share.
"""
