"""The defects of deployments, which the mock reproduces on request. The engine does not know them.

A defect is a small subclass of `Defect` that replaces one decision of `mockserver.core.policy`, or handles requests
before the routes do. `registry` lists the defects, and `switches` switches them on and off.
"""

from mockserver.defects.base import Defect
from mockserver.defects.registry import UnknownDefectError, defects, named

__all__ = ["Defect", "UnknownDefectError", "defects", "named"]
