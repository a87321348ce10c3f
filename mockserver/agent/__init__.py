"""The scripted agent. It plays a script's steps under the probe contract, and tests can hold it at any point."""
