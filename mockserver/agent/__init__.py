"""The scripted agent: it plays a script's steps under the probe contract, and is held where a test says."""
