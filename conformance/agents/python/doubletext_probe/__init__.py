"""The probe agent's parts: what a run is told, what it says, and whom it tells about its steps."""
