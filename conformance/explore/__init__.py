"""The exploration of a deployment with random histories, which needs the extra `doubletext[explore]`.

The modules, from the ground up:

- `actions`: the parts of a history.
- `arrange`: the scenario that a list of actions makes, which the driver plays.
- `generate`: the strategies of hypothesis that draw histories.
- `reduce`: the part of a history that still fails, as small as hypothesis finds it.
- `player`: the plays, each checked when it is over.
- `findings`: one finding for each fault, however many histories show it.
- `cluster`: the same plays on the workers of a dask cluster.
- `explorer`: a whole exploration, within its budget.
"""
