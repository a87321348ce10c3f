"""The answers to a fixed sequence of requests, compared byte by byte with a recording."""

from itertools import zip_longest

from tests.mockserver.fixed_requests import answers, recorded

RENEW = "If answers were meant to change, run `python -m tests.mockserver.fixed_requests` and read the difference"


async def test_the_same_requests_get_the_same_bytes() -> None:
    found = await answers()
    pairs = zip_longest(found, recorded())
    # Only the first: whatever differs there may change the ids in all that follow.
    differing = next((pair for pair in pairs if pair[0] != pair[1]), None)
    assert differing is None, "{}\nand not, as recorded:\n{}\n{}".format(*differing, RENEW)
