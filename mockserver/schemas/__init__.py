"""The types of requests and responses. Unknown fields and wrong types have the error of their name."""
