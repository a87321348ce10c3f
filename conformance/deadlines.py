"""How long the suite waits for anything, in one place.

Waiting is always for an event; a deadline only bounds it. A missed deadline is a recorded fact of the
play, never an exception of the suite. All values are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Deadlines:
    """Upper bounds for one deployment, in seconds.

    `answer`: an ordinary request. `start`: from an accepted run to its first step. `stop`: from a
    superseding request to the end of the superseded step. `finish`: from the last hold's release to a
    terminal status. `observe`: how long to look for something that must *not* happen. `poll`: pause
    between two looks at the statuses. `capacity`: for a run on a second thread to start while the first
    thread's run is held; a deployment with one worker cannot do that, and that is no fault.
    """

    answer: float = 10.0
    start: float = 15.0
    stop: float = 10.0
    finish: float = 20.0
    observe: float = 1.0
    poll: float = 0.1
    capacity: float = 3.0

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
        )

    def calibrated(self, start_latency: float) -> Deadlines:
        """Observe for several times as long as this deployment was seen to need to start a run.

        A run that wrongly starts early would start after about `start_latency`; four times that, and never
        less than half a second, leaves room for a busy machine. Too short a window can only miss
        a fault, never invent one.
        """
        return replace(self, observe=self.observe * min(max(4 * start_latency, 0.5), 4.0))
