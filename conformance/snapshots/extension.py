"""Snapshots of thread states as files that people review: one text file for each."""

from __future__ import annotations

from typing import Any

from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from conformance.snapshots.record import ThreadState
from conformance.snapshots.render import render


class ThreadStateSnapshot(SingleFileSnapshotExtension):
    """Keeps a `ThreadState`, or the text that `render` made of one, in a file `NAME.thread`."""

    _write_mode = WriteMode.TEXT
    file_extension = "thread"

    def serialize(self, data: Any, **_: Any) -> str:
        """The text that is kept and compared; raises TypeError for what is no state of a thread."""
        if isinstance(data, ThreadState):
            return render(data)
        if isinstance(data, str):
            return data
        raise TypeError(f"a thread's state is wanted, as read_thread gives it, not {type(data).__name__}")
