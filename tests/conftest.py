from __future__ import annotations

from hypothesis import HealthCheck, settings

# How long an example takes is the machine's affair; a test that hangs is ended by its time-out.
settings.register_profile("doubletext", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("doubletext")
