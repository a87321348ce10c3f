"""The part of a JSON value that a type knows. In the published description, the rest are extra properties."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Any, Final, get_args

import msgspec
from msgspec import inspect, structs

_WANTED: Final[dict[type, Any]] = {dict: inspect.StructType, list: inspect.ListType, float: inspect.IntType}
"""The part of a union that a value of a type belongs to."""


def known_part(raw: Any, schema: Any, undescribed: Collection[str] = ()) -> tuple[Any, list[str]]:
    """Return a value without the fields that a type does not have, and the reason for each that was removed.

    A field of `undescribed` is known to the type and not to the description, so an invalid value of it is removed, too.
    """
    reasons: list[str] = []
    known = _known(raw, _type_info(schema), "", reasons)
    for name in undescribed:
        # A batch is a list of requests.
        for one in known if isinstance(known, list) else [known]:
            if isinstance(one, dict) and name in one and not _fits(one[name], _field(schema, name)):
                del one[name]
                reasons.append(f"invalid value of `{name}`, which this request does not have")
    return known, reasons


@cache
def _type_info(schema: Any) -> inspect.Type:
    return inspect.type_info(schema)


def _field(schema: Any, name: str) -> Any:
    """Return the type of a field of a type, or of the items of a list."""
    kind = next(iter(get_args(schema)), schema)
    return next(one.type for one in structs.fields(kind) if one.encode_name == name)


def _known(raw: Any, kind: inspect.Type, path: str, reasons: list[str]) -> Any:
    match kind, raw:
        case inspect.Metadata(), _:
            return _known(raw, kind.type, path, reasons)
        case inspect.UnionType(), _:
            wanted = _WANTED.get(type(raw), ())
            found = next((one for one in kind.types if isinstance(one, wanted)), None)
            return raw if found is None else _known(raw, found, path, reasons)
        case inspect.IntType(), float() if raw.is_integer():
            # In JSON, 1.0 is a whole number.
            return int(raw)
        case inspect.ListType(), list():
            return [_known(one, kind.item_type, f"{path}[{index}]", reasons) for index, one in enumerate(raw)]
        case inspect.StructType(), dict():
            fields = {one.encode_name: one.type for one in kind.fields}
            beyond = [name for name in getattr(kind.cls, "UNDESCRIBED", ()) if name in raw]
            dropped = [name for name in beyond if not _fits(raw[name], _field(kind.cls, name))]
            reasons += [f"unknown field `{_joined(path, name)}`" for name in raw if name not in fields]
            reasons += [f"invalid value of `{_joined(path, name)}`" for name in dropped]
            return {
                name: _known(value, fields[name], _joined(path, name), reasons)
                for name, value in raw.items()
                if name in fields and name not in dropped
            }
    return raw


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _fits(value: Any, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True
