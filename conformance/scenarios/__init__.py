"""The scenarios of the suite: the moves they consist of, and the catalogue of all of them."""
