"""A program for a Python file that awaits at its top level, as the guides' code does. Its argument is the file."""

from __future__ import annotations

import ast
import asyncio
import inspect
import sys
from pathlib import Path
from typing import Any


async def run(code: str, name: str) -> None:
    """Run the code of a file called `name`. Raise what it raises."""
    compiled = compile(code, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    names: dict[str, Any] = {"__name__": "__main__"}
    # Code that awaits is compiled to a coroutine function's body.
    if compiled.co_flags & inspect.CO_COROUTINE:
        await eval(compiled, names)
    else:
        exec(compiled, names)


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]).read_text("utf-8"), sys.argv[1]))
