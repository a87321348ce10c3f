"""The mock's coverage of the published API: the published facts, the declarations, and the page of both."""
