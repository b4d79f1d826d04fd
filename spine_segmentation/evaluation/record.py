"""What the models of the evaluation's files have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """Figures that do not change once they are there, with a description of each field in the schema."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)
