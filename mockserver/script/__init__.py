"""Scripts: the behaviour of the scripted agent, as types and as files."""

from mockserver.script.types import Script

__all__ = ["Script"]
