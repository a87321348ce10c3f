"""Measurements: `python -m benchmarks`, in the checkout. No test depends on them: how fast is the machine's affair."""
