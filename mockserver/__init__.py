"""A mock deployment of the LangGraph Agent Server API, deterministic and in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mockserver.version import __version__ as __version__

if TYPE_CHECKING:
    from mockserver.app import create_app, serving

__all__ = ["create_app", "serving"]


def __getattr__(name: str) -> Any:
    # Late, because the pure modules are useful without aiohttp.
    if name in __all__:
        from mockserver import app

        return getattr(app, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
