"""Reading data files quickly: shipped packs and tables, and what a policy lays over them.

Rule: a file is parsed by libyaml and validated strictly; only when that fails it is read again by the policy's own
parser, which is slower and says what is wrong, where, and what may have been meant.
"""

from __future__ import annotations

from pathlib import Path

import orjson
import yaml
from pydantic import BaseModel, ValidationError

from clyra_proxy.policy.files import read_text
from clyra_proxy.policy.load import validate
from clyra_proxy.policy.source import parse

_FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_data[Model: BaseModel](model: type[Model], path: Path) -> Model:
    """The file as `model`. Raises PolicyError with file, line and cause."""
    text = read_text(path)
    try:
        return model.model_validate_json(orjson.dumps(yaml.load(text, Loader=_FAST)))  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValidationError, TypeError, ValueError, RecursionError):
        return validate(model, parse(text, path.name))
