"""The bodies of requests as types. An unknown field or a wrong type is refused by name; nothing is ignored."""
