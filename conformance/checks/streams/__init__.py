"""STR: streams, joins and disconnections.

`events` has the checks of the content and the end of streams, `joins` those of clients that join or wait, and
`disconnect` those of clients that close their connection.
"""
