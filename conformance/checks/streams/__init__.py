"""STR: streams, joins and disconnections.

`events` has the checks of the order and the end of events, and `content` those of what single events show. `tokens`
has those of the pieces of messages, and `modes` those of the modes for debugging. `joins` has those of clients that
join or wait, and `disconnect` those of clients that close their connection.
"""
