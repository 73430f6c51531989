"""Mistakes in a scenario, told all at once: the place, what stands there, what was wanted, the nearest name."""

import difflib
import typing
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from qflsim.errors import InputError, InputErrors
from qflsim.model import Model

_BOUNDS = {
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number of at least {ge:g}",
    "less_than": "a number below {lt:g}",
    "less_than_equal": "a number of at most {le:g}",
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "string_type": "a text in quotes",
    "tuple_type": "a list",
    "finite_number": "a finite number",
    "literal_error": "{expected}",
    "too_short": "at least {min_length} of them",
    "too_long": "at most {max_length} of them",
    "string_too_short": "a text of at least {min_length} characters",
    "string_too_long": "a text of at most {max_length} characters",
    "model_type": "a section",
    "dict_type": "a section",
    "model_attributes_type": "a section",
    "union_tag_invalid": "a section whose kind is one of {expected_tags}",
    "union_tag_not_found": "a section with a kind",
}


def mistakes(error: ValidationError, model: type[Model], data: dict[str, Any]) -> InputErrors:
    """Every mistake that the validation of `data` as a `model` found."""
    return InputErrors(_told(error.errors(), model, data, (), data))


def _told(details: Sequence[ErrorDetails], model: type[Model], data: Any, prefix: tuple[int | str, ...],
          root: dict[str, Any]) -> Iterator[InputError]:  # fmt: skip
    for detail in details:
        loc = prefix + detail["loc"]
        context = detail.get("ctx", {})
        if detail["type"] == "too_short" and len(detail["input"]) >= context["min_length"]:
            continue  # only some of the items are right; the others are told themselves
        if detail["type"] == "inside":
            yield from _told(context["errors"], context["model"], detail["input"], loc, root)
        else:
            if "at" in context:
                loc = (*loc, context["at"])
            yield InputError(place(loc, root), _got(detail, loc, root), _want(detail, model))


def _want(detail: ErrorDetails, model: type[Model]) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        names = _names(model, detail["loc"][:-1])
        return f"one of {', '.join(names)}{_nearest(str(detail['loc'][-1]), names)}"
    if kind == "missing":
        return "this key, which has no default"
    if kind == "value_error":
        return str(context["error"])
    if kind in _BOUNDS:
        return _BOUNDS[kind].format(**context)
    if kind == "string_pattern_mismatch":
        return "letters, digits, '_', '-' and '.', beginning with a letter or digit"
    if kind == "kind":
        got = detail["input"].get("kind")
        return detail["msg"] + (_nearest(got, context["names"]) if isinstance(got, str) else "")
    return detail["msg"]


def _nearest(got: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(got, names, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _names(model: type[Model], path: Sequence[int | str]) -> list[str]:
    """The keys of the section at `path` below `model`. Where a field takes several kinds, the kind is a part of it."""
    kinds: list[type[Model]] = []
    for part in path:
        if isinstance(part, str) and part in model.model_fields:
            kinds = list(_models(model.model_fields[part].annotation))
            model = kinds[0] if kinds else model
        else:
            model = next((kind for kind in kinds if _is_kind(kind, part)), model)
    return list(model.model_fields)


def _is_kind(model: type[Model], name: int | str) -> bool:
    return "kind" in model.model_fields and model.model_fields["kind"].default == name


def _models(annotation: Any) -> Iterator[type[Model]]:
    if isinstance(annotation, type) and issubclass(annotation, Model):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models(argument)


def _got(detail: ErrorDetails, loc: tuple[int | str, ...], root: dict[str, Any]) -> str:
    if detail["type"] == "missing":
        return "nothing"
    if detail["type"] == "value_error" and isinstance(detail["input"], dict):
        return "a section that does not fit together"
    value = detail["input"]
    if detail.get("ctx", {}).get("at") == "kind" and isinstance(value, dict):
        value = value.get("kind")
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # Python refuses to print numbers of thousands of digits
        text = "something too long or too deep to print"
    return text if len(text) <= 80 else text[:77] + "..."


def place(loc: Sequence[int | str], data: Any) -> str:
    """A dotted path; an item of a list goes by its `name` where it has one, and a section's kind is no part of it."""
    parts: list[str] = []
    for part in loc:
        if isinstance(part, int):
            item = data[part] if isinstance(data, list | tuple) and part < len(data) else None
            name = item.get("name") if isinstance(item, dict) else None
            parts.append(name if isinstance(name, str) else str(part))
            data = item
        elif not (isinstance(data, dict) and part not in data and data.get("kind") == part):
            parts.append(part)
            data = data.get(part) if isinstance(data, dict) else None
    return ".".join(parts) or "the scenario"
