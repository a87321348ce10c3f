"""STR: streams, joins and disconnections.

`events` has the checks of the order and the end of events, `content` those of what single events show, `joins` those of
clients that join or wait, `modes` those of the modes for debugging, and `disconnect` those of clients that close
their connection.
"""
