"""One play of one scenario, from its first thread to the transcript.

It decides nothing about right and wrong: it makes the moments that the scenario asks for, records, and always comes
to an end, whatever the deployment does.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable

from conformance import scenarios as s
from conformance.driver import crons, moves, reading
from conformance.driver.situation import Situation
from conformance.driver.telling import describe
from conformance.record.transcript import Move, SuiteInfo, TargetInfo, Transcript


async def play(
    now: Situation, scenario: s.Scenario, suite: SuiteInfo, target: TargetInfo, on_quiet: Callable[[], None]
) -> Transcript:
    """Play `scenario` to its end and return what happened; raises nothing that the deployment causes.

    `on_quiet` is called when no further run is to execute, so that another play may use the workers.
    """
    started_at = datetime.datetime.now(datetime.UTC).isoformat()
    try:
        await now.open_thread(s.MAIN, scenario.id)
        if s.MAIN in now.threads:
            async with reading.following(now):
                for index, move in enumerate(scenario.moves):
                    if now.wire.lost is not None:
                        break
                    if index == _quiet_from(scenario):
                        on_quiet()
                    now.recorder.add(Move, index=index, text=describe(move))
                    await moves.do(now, move)
                now.stand.release()
                await now.finish_background()
            await reading.read_final(now)
    finally:
        await crons.delete_left(now)
        await now.cancel_background()
        now.close()
    return Transcript(
        suite=suite,
        target=target,
        scenario=scenario,
        started_at=started_at,
        observed_for=now.deadlines.observe,
        threads=dict(now.threads),
        moments=list(now.recorder.moments),
    )


def _quiet_from(scenario: s.Scenario) -> int:
    """The index of the first move from which on the scenario only looks."""
    looking = (s.Observe, s.ListRuns, s.SearchThreads, s.ReadState, s.ReadChild)
    return max((i + 1 for i, move in enumerate(scenario.moves) if not isinstance(move, looking)), default=0)
