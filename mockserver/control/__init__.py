"""The control of a running mock by a test: the control API, its controller, and the checks of clients' conduct."""
