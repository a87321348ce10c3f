"""The checks: for every requirement, one pure function of a play, in the module of its area.

A check returns when the requirement holds. A check of a PROFILE requirement returns the freedom that the deployment
took. A check raises `Broken` when the requirement does not hold, and `Unproven` when the record cannot show whether it
does. It never waits and never contacts a server. The decorator `@check` of `judge/check.py` registers it.

Theory of operation
-------------------

The record has two clocks, and most checks compare them. The deployment reports statuses, states and histories in its
answers. The steps of the probe agent report to the witness, a listener of the suite, without passing through the
deployment's API. All moments of a play have one order, their seq.

An answer describes the deployment at an unknown moment between its request (`sent`) and its arrival (`received`). A
check therefore uses `received < x` to prove that a fact held before `x`, and `sent > x` to prove that it held after
`x`. An answer that spans `x` proves neither, and is not used.

A check raises `Unproven` instead of `Broken` whenever a correct deployment could have left the same record. Each
requirement is judged by one check only, so that one fault does not fail requirements that it does not violate.

Failure texts have the form "expected ...; observed ...". They show JSON (`snippet`) and conversations as the words of
`judge/messages.py`, such as `A.human A.call`.
"""
