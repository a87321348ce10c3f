"""The words of the API that the request types and the core share."""

from __future__ import annotations

from typing import Literal

Strategy = Literal["reject", "rollback", "interrupt", "enqueue"]
"""The values of `multitask_strategy`."""

RunStatus = Literal["pending", "running", "success", "error", "timeout", "interrupted"]
ThreadStatus = Literal["idle", "busy", "interrupted", "error"]
