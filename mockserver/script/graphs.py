"""The graphs of a deployment: scripts by the names under which assistants find them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mockserver.script.types import Script


class Graphs(Mapping[str, Script]):
    """The scripts of a deployment by the names of their graphs, at least one. The first graph is the default.

    It is immutable: other scripts make other graphs, so that a thread can keep those that it has.
    """

    def __init__(self, scripts: Mapping[str, Script]) -> None:
        self._scripts = dict(scripts)

    def __getitem__(self, name: str) -> Script:
        return self._scripts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._scripts)

    def __len__(self) -> int:
        return len(self._scripts)

    @property
    def default(self) -> str:
        """Return the name of the default graph."""
        return next(iter(self._scripts))

    def known(self, name: object) -> str:
        """Return a name if a graph has it, else that of the default graph."""
        return name if isinstance(name, str) and name in self._scripts else self.default

    def of(self, name: object) -> Script:
        """Return the script of a graph, that of the default graph for an unknown name."""
        # In one call, because every step of a run makes it several times.
        try:
            return self._scripts[name]  # type: ignore[index]
        except (KeyError, TypeError):
            # TypeError: metadata is JSON, so the name may be a list.
            return self._scripts[self.default]

    def replaced(self, others: Mapping[str, Script]) -> Graphs:
        """Return these graphs with the scripts of some replaced. Graphs that are not there are not added."""
        return Graphs({name: others.get(name, script) for name, script in self.items()})

    def with_added(self, others: Mapping[str, Script]) -> Graphs:
        """Return these graphs with others added or replaced. The built-in one remains only in place of no script."""
        kept = {name: script for name, script in self.items() if not script.built_in or name in others}
        return Graphs({**kept, **others})
