"""One play of one scenario, from its first thread to the transcript.

It decides nothing about right and wrong: it makes the moments that the scenario asks for, records, and always comes
to an end, whatever the deployment does.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable

from conformance.driver import dispatch
from conformance.driver.context import Context
from conformance.driver.moves import cron, read
from conformance.scenarios import moves as s
from conformance.scenarios.scenario import Scenario
from conformance.transcript.transcript import MoveMade, SuiteInfo, TargetInfo, Transcript


async def play(
    context: Context, scenario: Scenario, suite: SuiteInfo, target: TargetInfo, on_quiet: Callable[[], None]
) -> Transcript:
    """Play `scenario` to its end and return what happened; raises nothing that the deployment causes.

    `on_quiet` is called when no further run is to execute, so that another play may use the workers.
    """
    started_at = datetime.datetime.now(datetime.UTC).isoformat()
    try:
        await context.open_thread(s.MAIN, scenario.id)
        if s.MAIN in context.threads:
            async with read.following(context):
                for index, move in enumerate(scenario.moves):
                    if context.http.lost is not None:
                        break
                    if index == _quiet_from(scenario):
                        on_quiet()
                    context.recorder.add(MoveMade, index=index, text=move.describe())
                    await dispatch.do(context, move)
                context.channel.release()
                await context.finish_background()
            await read.read_final(context)
    finally:
        await cron.delete_left(context)
        await context.cancel_background()
        context.close()
    return Transcript(
        suite=suite,
        target=target,
        scenario=scenario,
        started_at=started_at,
        observed_for=context.deadlines.observe,
        threads=dict(context.threads),
        moments=list(context.recorder.moments),
    )


def _quiet_from(scenario: Scenario) -> int:
    """The index of the first move from which on the scenario only looks."""
    return max((i + 1 for i, move in enumerate(scenario.moves) if not move.traits.quiet), default=0)
