"""The deadlines of the driver, in one place. All values are seconds.

Theory of operation
-------------------

The driver never sleeps for a fixed time. It always waits for an event, and a deadline only limits the wait. A missed
deadline is recorded in the transcript (`missed`) and the play continues. It is never an error of the suite, and it is
not a verdict either: the checks decide whether the missing event was required. A deployment that keeps its promises is
therefore judged at its own speed, and the deadlines cost time only where an event is missing.

There are four kinds of values:

* Upper bounds for events that must happen (`answer`, `start`, `stop`, `finish`, `hear`, `cron`). They are generous,
  because a bound that is too short turns a slow deployment into a wrong one. `--conformance-deadline-scale` multiplies
  them.
* The window in which an event must *not* happen (`observe`). On a correct deployment no event ends this wait, so it
  costs its full length in every scenario that uses it. It is fitted to the deployment under test, see `calibrated`.
  `capacity` is of this kind for a deployment with only one worker.
* The pauses between two readings of the statuses (`poll` and `rest`). Polling is necessary because the API has no event
  for a change of status. They are not scaled, because they do not bound anything.
* The time of a hold without a witness (`hold`). It is not scaled, because it is sent to the agent and is not a bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

# A deployment that starts runs at once needs a few milliseconds on one machine. One that polls a queue needs half a
# period on average, and `langgraph dev` has a period of up to a second. The limit lies between the two.
PROMPT = 0.04
"""The start latency in seconds below which a deployment starts runs at once, and does not poll a queue."""

MISSED = 64
"""The number of deployments that poll a queue, of which one may get a window that is shorter than its period."""

# A run that never starts costs the whole deadline. One that has to wait for longer than this is played again alone.
CROWD = 3
"""The greatest factor by which deadlines are longer where plays compete for the workers of a deployment."""


@dataclass(frozen=True)
class Deadlines:
    """Upper bounds for one deployment, in seconds.

    `answer`: the response to an ordinary request.
    `start`: from an accepted run to its first step.
    `stop`: from a superseding request to the end of the superseded step.
    `finish`: from the release of the last hold to a terminal status.
    `observe`: the window in which an event must *not* happen.
    `poll`: the pause between two readings of the statuses while something happens.
    `rest`: the longest such pause, when nothing has happened for a while.
    `capacity`: the start of a run on a second thread while the run of the first thread is held. A deployment with one
    worker cannot start it, which is not a fault.
    `hear`: from the status `running` to the first report of the agent.
    `cron`: the firing of a cron that is due every minute. It includes the whole minute and the start of the run.
    `hold`: the time for which a run is held when its agent cannot reach the witness.
    """

    answer: float = 10.0
    start: float = 15.0
    stop: float = 10.0
    finish: float = 20.0
    observe: float = 1.0
    poll: float = 0.1
    rest: float = 0.8
    capacity: float = 3.0
    hear: float = 2.0
    cron: float = 75.0
    hold: float = 3.0
    slow: bool = False
    """Answers take so long that readings between which no order counts are made at the same time."""

    def scaled(self, factor: float) -> Deadlines:
        """Return the deadlines for a deployment that is `factor` times slower. The pauses and `hold` stay the same."""
        return replace(
            self,
            answer=self.answer * factor,
            start=self.start * factor,
            stop=self.stop * factor,
            finish=self.finish * factor,
            observe=self.observe * factor,
            capacity=self.capacity * factor,
            hear=self.hear * factor,
            cron=self.cron * factor,
        )

    def shared(self, jobs: int) -> Deadlines:
        """Return the deadlines for `jobs` plays that compete for the workers of a deployment.

        Only `start` and `finish` are longer, because a run may have to wait for a worker. An HTTP answer and a
        cancellation need no worker.
        """
        factor = min(jobs, CROWD)
        return replace(self, start=self.start * factor, finish=self.finish * factor)

    def crowded(self, factor: float) -> Deadlines:
        """Return the deadlines for a deployment that takes `factor` times as long when it has many requests at a time.

        Windows and `capacity` stay the same, because no event ends them.
        """
        return replace(
            self,
            answer=self.answer * factor,
            start=self.start * factor,
            stop=self.stop * factor,
            finish=self.finish * factor,
        )

    def calibrated(self, starts: Sequence[float]) -> Deadlines:
        """Return the deadlines with `observe` fitted to the observed starts of runs, in seconds.

        The window must be long enough for a run that is started wrongly to report. A deployment that starts runs at
        once also starts a wrong one at once. A deployment that polls its queue may need a whole period more than was
        observed, so anything slower than `PROMPT` gets at least two seconds. A window that is too short can only miss a
        fault. It cannot invent one.

        Where runs start at any moment of a period, all n starts fall into its first 1/f by a chance of f**-n. So the
        slowest start is multiplied by the f that makes this chance one in `MISSED`, which is 4 for three starts.
        """
        slowest = max(starts)
        least = 0.5 if slowest < PROMPT else 2.0
        # At most four seconds: the window is paid in full in every scenario that has one.
        return replace(self, observe=self.observe * min(max(MISSED ** (1 / len(starts)) * slowest, least), 4.0))
