"""The names that other packages have for what a `MockDeployment` has, so that a wrong one leads to the right one."""

from __future__ import annotations

from typing import Final

METHODS: Final = {
    **dict.fromkeys(("pause", "block", "stop_at"), "hold"),
    **dict.fromkeys(("resume", "unhold", "continue_"), "release"),
    **dict.fromkeys(("wait_for_held", "wait_until_paused", "wait_for_hold", "wait_held"), "wait_until_held"),
    **dict.fromkeys(("wait_until_idle", "wait", "join", "wait_for_quiet"), "wait_until_quiet"),
    **dict.fromkeys(("requests", "calls", "history", "get_journal"), "journal"),
    **dict.fromkeys(("base_url", "address"), "url"),
    **dict.fromkeys(("assert_called", "assert_request", "assert_called_with"), "assert_requested"),
    **dict.fromkeys(("assert_not_called", "assert_no_request"), "assert_not_requested"),
    **dict.fromkeys(("assert_clean", "assert_conduct", "check"), "conduct"),
    **dict.fromkeys(("set_script", "script", "set_scripts"), "load_script"),
    **dict.fromkeys(("set_defect", "defect", "enable_defect"), "defect_on"),
    **dict.fromkeys(("set_fault", "add_fault", "fault_on"), "fault"),
    **dict.fromkeys(("tick", "move_to", "sleep"), "advance"),
    **dict.fromkeys(("clear",), "reset"),
    **dict.fromkeys(("messages", "get_state", "values"), "state"),
}
"""The names that other packages have for the methods."""

ARGUMENTS: Final = {
    **dict.fromkeys(("timeout", "seconds", "timeout_seconds", "within"), "deadline"),
    **dict.fromkeys(("thread", "threadid"), "thread_id"),
    **dict.fromkeys(("run", "runid"), "run_id"),
    **dict.fromkeys(("count", "n", "number", "exactly"), "times"),
    **dict.fromkeys(("min", "minimum", "min_times"), "at_least"),
    **dict.fromkeys(("speed", "factor", "time_scale"), "scale"),
    **dict.fromkeys(("rules", "ignore", "skip", "exclude"), "without"),
    **dict.fromkeys(("multitask_strategy", "expected"), "strategy"),
    **dict.fromkeys(("at", "breakpoint"), "point"),
    **dict.fromkeys(("scenario", "path", "file", "yaml"), "script"),
    **dict.fromkeys(("defect",), "name"),
}
"""The names that other packages have for the arguments."""
