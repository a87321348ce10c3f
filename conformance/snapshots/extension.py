"""The syrupy extension that keeps each snapshot of a thread's state in a text file, for review in diffs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from conformance.snapshots.record import ThreadState
from conformance.snapshots.render import render

CUT = 6
"""The number of lines of a difference from which on pytest shows only a part."""

SHORT = 100
"""The number of lines up to which a difference is shown whole."""


class ThreadStateSnapshot(SingleFileSnapshotExtension):
    """A snapshot of a `ThreadState`, or of the text that `render` made of one, in a file `NAME.thread`."""

    _write_mode = WriteMode.TEXT
    file_extension = "thread"
    item: ClassVar[pytest.Item | None] = None
    """The test that compares, whose report shows the difference."""

    def diff_lines(self, serialized_data: Any, snapshot_data: Any) -> Iterator[str]:
        """Yield the lines of the difference, and show a short one whole, also without `-vv`."""
        lines = list(super().diff_lines(serialized_data, snapshot_data))
        # pytest cuts what explains a failed `assert` to eight lines, and no hook prevents that.
        if self.item is not None and CUT <= len(lines) <= SHORT:
            self.item.add_report_section("call", "thread state (- kept, + now)", "\n".join(lines))
        yield from lines

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
