"""A model is a frozen, strict record of its parameters; that record is its section in the scenario file."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

# Every number has an end, so that no arithmetic on it overflows.
Positive = Annotated[float, Field(ge=1e-9, le=1e12)]
NonNegative = Annotated[float, Field(ge=0, le=1e12)]
Patience = Annotated[float, Field(ge=1e-3, le=1e9)]
"""How long somebody waits, in seconds: long enough for the clock to move on."""
Share = Annotated[float, Field(ge=1e-6, le=1)]
Count = Annotated[int, Field(ge=1, le=10**9)]
Name = Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]


class Model(BaseModel):
    """A frozen record: unknown keys, booleans for numbers, inf and nan are refused; TOML's lists become tuples."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _lists_to_tuples(cls, data: Any) -> Any:
        if isinstance(data, dict):
            return {key: _tuples(value) for key, value in data.items()}
        return data


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
