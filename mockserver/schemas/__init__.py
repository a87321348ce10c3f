"""The types of requests and responses. Unknown fields and wrong types are rejected by name, and none is ignored."""
