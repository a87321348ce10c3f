"""Scripts: what the fake agent says and does, as types and as files."""

from mockserver.script.types import Script

__all__ = ["Script"]
