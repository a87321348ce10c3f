"""A parser of commands whose errors are one line with the nearest right word."""

from __future__ import annotations

import argparse
import difflib
import re
from typing import Any, Final, NoReturn

_COMMAND = re.compile(r"argument COMMAND.*: invalid choice: '(?P<word>[^']*)' \(choose from (?P<known>.*)\)$")


MEANT: Final = {
    **dict.fromkeys(("serve", "server", "start", "run", "dev", "up", "mockserver"), "mock"),
    **dict.fromkeys(("diff",), "compare"),
    **dict.fromkeys(("schema",), "mock-schema"),
}
"""The commands of other programs, with those of this one."""


class CommandParser(argparse.ArgumentParser):
    """A parser of a program with commands."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse arguments. An unknown option ends the program with the nearest right one."""
        found, rest = super().parse_known_args(args, namespace)
        wrong = next((one.partition("=")[0] for one in rest if one.startswith("-") and one != "--"), None)
        if wrong is not None:
            near = _nearest_option(wrong, [name for action in self._actions for name in action.option_strings])
            self.error(f"there is no option `{wrong}`" + (f". Did you mean `{near}`?" if near else ""))
        return found, rest

    def error(self, message: str) -> NoReturn:
        """End the program with code 2 and one line."""
        wrong = _COMMAND.match(message)
        if wrong is not None:
            known = re.findall(r"[\w-]+", wrong["known"])
            # Below the default of 0.6, because commands are short.
            near = difflib.get_close_matches(wrong["word"], known, n=1, cutoff=0.5)
            meant = MEANT.get(wrong["word"].casefold())
            found = meant if meant in known else near[0] if near else None
            suggestion = f" Did you mean `{found}`?" if found is not None else ""
            message = f"there is no command `{wrong['word']}`.{suggestion} The commands are {', '.join(known)}"
        if message.startswith("the following arguments are required: COMMAND"):
            known = [name for action in self._actions for name in action.choices or ()]
            message = f"name a command: {', '.join(known)}"
        self.exit(2, f"{self.prog}: error: {message}{'' if message.endswith('?') else '.'} See {self.prog} --help\n")


def _nearest_option(wrong: str, known: list[str]) -> str | None:
    """Return the option that was meant. `--profile` stands for `--deployment-profile`."""
    # The dashes of two options make no option similar to the other.
    bare, right = wrong.lstrip("-"), {name.lstrip("-"): name for name in known}
    near = [name for name in right if name.endswith(f"-{bare}")] or difflib.get_close_matches(bare, right, n=1)
    return right[near[0]] if near else None
