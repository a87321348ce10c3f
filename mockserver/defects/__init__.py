"""Deployments that get something wrong, as one was seen to do. The engine knows nothing of them.

A defect is a small subclass of `Defect` that replaces one decision of `mockserver.core.policy`, or stands between the
wire and the routes. `registry` lists them, `switches` switches them on and off.
"""

from mockserver.defects.base import Defect
from mockserver.defects.registry import UnknownDefectError, defects, named

__all__ = ["Defect", "UnknownDefectError", "defects", "named"]
