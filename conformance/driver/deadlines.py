"""How long the suite waits for anything, in one place.

Waiting is always for an event; a deadline only bounds it. A missed deadline is a recorded fact of the
play, never an exception of the suite. All values are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

PROMPT = 0.04
"""Seconds within which a deployment starts a run that does not look into a queue now and then."""


@dataclass(frozen=True)
class Deadlines:
    """Upper bounds for one deployment, in seconds.

    `answer`: an ordinary request. `start`: from an accepted run to its first step. `stop`: from a
    superseding request to the end of the superseded step. `finish`: from the last hold's release to a
    terminal status. `observe`: how long to look for something that must *not* happen. `poll`: pause
    between two looks at the statuses. `capacity`: for a run on a second thread to start while the first
    thread's run is held; a deployment with one worker cannot do that, and that is no fault. `hear`: from a run's
    being told to execute to the first report of its agent. `cron`: for a cron to fire that is due every minute.
    `hold`: for which a run holds that cannot reach the witness, which is no bound and is not scaled.
    """

    answer: float = 10.0
    start: float = 15.0
    stop: float = 10.0
    finish: float = 20.0
    observe: float = 1.0
    poll: float = 0.1
    capacity: float = 3.0
    hear: float = 2.0
    cron: float = 75.0
    hold: float = 3.0

    def scaled(self, factor: float) -> Deadlines:
        """The same deadlines for a deployment that is `factor` times slower; `poll` stays."""
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
        """The same deadlines where up to `jobs` plays compete for a deployment's workers: runs may have to wait."""
        return replace(self, start=self.start * jobs, finish=self.finish * jobs)

    def calibrated(self, start_latency: float) -> Deadlines:
        """Observe for several times as long as this deployment was seen to need to start a run, in seconds.

        A deployment that starts runs when they come wrongly starts one just as soon. One that looks into its queue now
        and then may take a whole period longer than what was seen (`langgraph dev`: up to a second), so anything
        slower than `PROMPT` is given two seconds at least. Too short a window can miss a fault, never invent one.
        """
        least = 0.5 if start_latency < PROMPT else 2.0
        return replace(self, observe=self.observe * min(max(4 * start_latency, least), 4.0))
