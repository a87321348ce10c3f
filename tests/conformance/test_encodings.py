"""A secret is found in whatever a deployment makes of it."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.transcript.encodings import base64_pieces, decoded
from conformance.transcript.redaction import REDACTED, VOCABULARY, Redactor

Encode = Callable[[str], str]


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


ENCODINGS: dict[str, Encode] = {
    "as it is": str,
    "in lower case": lambda text: "".join(sign.lower() if sign.isascii() else sign for sign in text),
    "in a URL": lambda text: quote(text, safe=""),
    "in a URL, in lower case": lambda text: quote(text, safe="").lower(),
    "in a path": quote,
    "in a form": quote_plus,
    "twice in a URL": lambda text: quote(quote(text, safe=""), safe=""),
    "every byte in a URL": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "in JSON": lambda text: json.dumps(text)[1:-1],
    "in JSON as UTF-8": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "in JSON of PHP": lambda text: json.dumps(text)[1:-1].replace("/", r"\/"),
    "in JSON in JSON": lambda text: json.dumps(json.dumps(text))[1:-1],
    "every sign in JSON": lambda text: "".join(f"\\u{unit:04x}" for unit in _units(text)),
    "in HTML": html.escape,
    "every sign in HTML": lambda text: "".join(f"&#{ord(sign)};" for sign in text),
    "every sign in HTML, hexadecimal": lambda text: "".join(f"&#x{ord(sign):X};" for sign in text),
    "in a repr": lambda text: repr(text)[1:-1],
    "in a repr of bytes": lambda text: repr(text.encode())[2:-1],
    "in a repr in JSON": lambda text: json.dumps(repr(text.encode())),
    "in base64": base64_of,
    "in base64 without padding": lambda text: base64_of(text).rstrip("="),
    "in base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "in base64 behind one letter": lambda text: base64_of(f"x{text}"),
    "in base64 between others": lambda text: base64_of(f"Bearer {text}, and more"),
    "in base64 in a URL": lambda text: quote(base64_of(f"jo:{text}"), safe=""),
    "in base64 of a URL": lambda text: base64_of(quote(text, safe="")),
    "in base64 of base64": lambda text: base64_of(base64_of(text)),
    "in base64 of JSON": lambda text: base64_of(json.dumps({"key": text})),
    "in base64 of a repr": lambda text: base64_of(repr(text.encode())),
    "in base64 of MIME": lambda text: base64.encodebytes(f"user: {text}, and more of it".encode() * 3).decode(),
    "in HTML with zeros": lambda text: "".join(f"&#{ord(sign):010};" for sign in text),
    "in HTML without semicolons": lambda text: "".join(f"&#x{ord(sign):x}" for sign in text) + "<",
    "in base64 in JSON": lambda text: base64_of(json.dumps({"k": text}, ensure_ascii=False)),
}

SIGNS = st.characters(codec="utf-8", categories=("L", "N", "P", "S"))
SECRET = st.text(SIGNS, min_size=8, max_size=30).filter(
    # What base64 makes of a text is searched for as the text is, so one that JSON escapes is another text.
    lambda text: (
        text not in VOCABULARY and not text.endswith("=") and json.dumps(text, ensure_ascii=False)[1:-1] == text
    )
)


def _units(text: str) -> list[int]:
    raw = text.encode("utf-16-be")
    return [int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw), 2)]


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
@given(
    secret=SECRET, around=st.sampled_from([("", ""), ("<", ">"), ("key=", "&x=1"), ('{"a": "', '"}'), ("%2F", "\\/")])
)
def test_a_secret_is_found_in_every_encoding(encode: Encode, secret: str, around: tuple[str, str]) -> None:
    expect_found(secret, f"{around[0]}{encode(secret)}{around[1]}")


# Without hypothesis, which searches all memory before each example that it is given.
@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
def test_a_chosen_secret_is_found_in_every_encoding(encode: Encode) -> None:
    expect_found("sk-live/4+8=yes?", encode("sk-live/4+8=yes?"))
    expect_found("p4ss/w0rd with%20", encode("p4ss/w0rd with%20"))
    expect_found("schlüssel-€-😀", "\\u002f" + encode("schlüssel-€-😀") + "&amp;")


def expect_found(secret: str, text: str) -> None:
    """Fail where a redacted text has anything of a secret."""
    shown = Redactor({"x-key": secret}).text(text)
    assert REDACTED in shown
    plain = decoded(shown)[0]
    assert secret.casefold() not in plain.casefold()
    assert not any(piece in plain for piece in base64_pieces(secret))


@given(text=st.text(), secret=SECRET)
def test_a_text_without_the_secret_stays_as_it_is(text: str, secret: str) -> None:
    shown = Redactor({"x-key": secret}).text(text)
    assert shown == text or REDACTED in shown


@given(text=st.text() | st.text("%\\ux&#;/0123456789abcdefABCDEF\"'"))
def test_positions_lead_back_to_the_text(text: str) -> None:
    plain, starts = decoded(text)
    assert len(starts) == len(plain) + 1
    assert starts == sorted(starts)
    assert (starts[0], starts[-1]) == (0, len(text))


def test_a_token_is_found_without_its_padding() -> None:
    assert Redactor({"Authorization": "Bearer c2VjcmV0IQ=="}).text("token c2VjcmV0IQ, and c2VjcmV0IQ==") in (
        f"token {REDACTED}, and {REDACTED}==",
        f"token {REDACTED}, and {REDACTED}",
    )


def test_user_and_password_of_a_url_are_found_as_they_were_given_and_as_they_are_meant() -> None:
    redactor = Redactor({}, httpx.URL("http://us%20er:PASS%2FW0RD@host"))
    for echo in ("us er:PASS/W0RD", "us%20er:PASS%2FW0RD", "us%20er:PASS%2fW0RD", "us er:PASS\\/W0RD", "PASS/W0RD"):
        shown = redactor.text(echo)
        assert "PASS" not in shown, shown
    assert "PASS" not in redactor.text(base64_of("us er:PASS/W0RD"))
    assert base64_of("us er:PASS/W0RD")[4:12] not in redactor.text(f"Basic {base64_of('us er:PASS/W0RD')}")


@pytest.mark.parametrize(
    ("header", "echo"),
    [
        ('Token token="abc123def", id=77', "abc123def"),
        ("key1,longsecret2,longsecret3", "longsecret2 or longsecret3"),
        ("k:longsecret2;longsecret3", "longsecret2 or longsecret3"),
    ],
)
def test_members_of_a_header_are_found_alone(header: str, echo: str) -> None:
    shown = Redactor({"x-key": header}).text(echo)
    assert not {"abc123def", "longsecret2", "longsecret3"} & set(shown.split())


def test_a_cookie_in_quotes_is_found_without_them() -> None:
    redactor = Redactor({})
    redactor.learn_cookie('sid="cookieSecretValue77"; Path=/')
    assert redactor.text("sid is cookieSecretValue77") == f"sid is {REDACTED}"
