"""The syrupy extension that keeps each snapshot of a thread's state in a text file, for review in diffs."""

from __future__ import annotations

from typing import Any

from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from conformance.snapshots.record import ThreadState
from conformance.snapshots.render import render


class ThreadStateSnapshot(SingleFileSnapshotExtension):
    """A snapshot of a `ThreadState`, or of the text that `render` made of one, in a file `NAME.thread`."""

    _write_mode = WriteMode.TEXT
    file_extension = "thread"

    def serialize(self, data: Any, **_: Any) -> str:
        """Return the text that is kept and compared. Raise TypeError for anything but a thread's state."""
        if isinstance(data, ThreadState):
            return render(data)
        if isinstance(data, str):
            return data
        raise TypeError(
            f"expected a thread's state, as read_thread returns it, not {type(data).__name__}; "
            "use `await read_thread(client, thread_id)`"
        )
