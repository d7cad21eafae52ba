"""The JSON Schema of the policy file, for editors that complete and check while one types."""

from __future__ import annotations

from typing import Any

from clyra_proxy.policy.models import PolicyDocument
from clyra_proxy.policy.profiles import profile_names
from clyra_proxy.verdict.rules import FAMILIES, RULES, is_configurable


def editor_schema() -> dict[str, Any]:
    """Draft 2020-12, with the names of profiles and rules filled in."""
    schema = PolicyDocument.model_json_schema(by_alias=True)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Clyra policy"}
    schema["properties"]["extends"]["anyOf"] = [{"enum": list(profile_names())}, {"type": "null"}]
    names = sorted(name for name in (*FAMILIES, *RULES) if is_configurable(name))
    schema["$defs"]["RuleModes"]["propertyNames"] = {"enum": names}
    return schema
