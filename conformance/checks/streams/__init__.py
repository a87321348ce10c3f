"""STR: streams, joins and disconnections.

`events` has the checks of the order and the end of events, and `content` those of what single events show. `modes` has
those of the modes for debugging, `joins` those of clients that join or wait, and `disconnect` those of clients that
close their connection.
"""
