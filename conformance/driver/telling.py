"""Moves in words."""

from __future__ import annotations

from typing import assert_never

from conformance.scenarios import scenario as s


def describe(move: s.Move) -> str:
    """A move in a few words, for timelines and failure texts."""
    match move:
        case s.Submit():
            return f"submit {move.label} ({move.strategy or 'no strategy'}, {move.endpoint})"
        case s.Watch():
            return f"{move.name} watches {move.label} ({move.how}" + (f", since {move.since})" if move.since else ")")
        case s.AwaitEvent():
            return f"wait until {move.name} is sent `{move.event}`"
        case s.Leave():
            return f"{move.name} closes its connection"
        case s.Ask():
            return f"ask with {move.what}"
        case s.AwaitPoint():
            return f"wait until {move.label} is at {move.point}"
        case s.AwaitHeard():
            return f"wait until {move.label} is heard of"
        case s.AwaitSuperseded():
            return f"wait until {move.label} stops or {move.by} begins"
        case s.AwaitStopped():
            return f"wait until {move.label} is told to stop"
        case s.AwaitEnd():
            return f"wait until {move.label} has ended"
        case s.AwaitOneLeft():
            return "wait until all runs but one are over"
        case s.CreateCron():
            return f"make the cron {move.label} ({move.strategy or 'no strategy'})"
        case s.AwaitCron():
            return f"wait until the cron {move.label} fires"
        case s.DeleteCron():
            return f"delete the cron {move.label}"
        case s.ListCrons():
            return "list the crons of the thread"
        case s.AwaitGone():
            return f"wait until the thread of {move.label} is gone"
        case s.AwaitWebhook():
            return f"wait until the webhook of {move.label} has come"
        case s.Cancel():
            return f"cancel {move.label} (wait {move.wait}, action {move.action})"
        case s.CancelMany():
            return f"cancel {' and '.join(move.labels)} in one request"
        case s.Together():
            return "at the same time: " + ", ".join(describe(one) for one in move.moves)
        case s.Delete():
            return f"delete {'the thread' if move.label is None else move.label}"
        case s.Release():
            return f"let {move.label or 'every run'} go on"
        case s.Observe():
            return "observe"
        case s.Look():
            return "look at every status"
        case s.ReadState():
            return "read state and history"
        case s.ReadChild():
            return "read the history of the child graph"
        case s.UpdateState():
            return "try to update the state"
        case s.ListRuns():
            return f"list runs (status {move.status}, limit {move.limit}, offset {move.offset})"
        case s.SearchThreads():
            return f"search threads by status {move.status}"
        case _:
            assert_never(move)
