"""The files of scripts: their text, and the error of an invalid one.

Without PyYAML, whose import takes a tenth of the start of the mock. Most deployments play the built-in conversation.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

# Hides the frames of this module in the tracebacks of pytest, which then show the line of the test.
__tracebackhide__ = True

SUFFIXES: Final = (".yaml", ".yml", ".json")
"""The ends of the names of script files."""

PATHS: Final = f"which ends with {', '.join(SUFFIXES)}. A script begins with `turns:`. Over HTTP, send its text"
"""The end of a sentence about the path of a script."""

MAX_BYTES: Final = 4 * 1024 * 1024
"""The maximum size of a script in bytes. A larger one takes seconds to parse, in which the mock answers nothing."""


class ScriptError(Exception):
    """An invalid script. The text names the file, the line, and a correction."""


def text_of(path: Path) -> str:
    """Return the text of a script file. Raises `ScriptError`."""
    try:
        with path.open("rb") as file:
            # One byte more than there may be, so that a script that is too large, or never ends, is refused below.
            return file.read(MAX_BYTES + 1).decode()
    except OSError as error:
        if re.match(r"https?:/", str(path)):
            raise ScriptError(f"the script {path} is a URL. Give a path, or the text that is there") from None
        where = "" if path.is_absolute() else f", which is relative to {Path.cwd()}"
        raise ScriptError(f"cannot read the script {path}: {error.strerror}. Check the path{where}") from error
    except UnicodeDecodeError as error:
        raise ScriptError(f"{path}: the file is not UTF-8 text. Save the script as UTF-8") from error
