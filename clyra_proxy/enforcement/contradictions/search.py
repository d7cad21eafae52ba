"""All contradictions of a policy, errors first, in the order of the file."""

from __future__ import annotations

from pathlib import Path

from clyra_proxy.enforcement.contradictions.approvers import of_approvals
from clyra_proxy.enforcement.contradictions.destinations import of_destinations
from clyra_proxy.enforcement.contradictions.finding import Contradiction, Weight
from clyra_proxy.enforcement.contradictions.limits import of_limits
from clyra_proxy.enforcement.contradictions.modes import of_modes
from clyra_proxy.enforcement.contradictions.shapes import of_shapes
from clyra_proxy.enforcement.contradictions.tools import of_tools
from clyra_proxy.policy.models import PolicyDocument
from recorder.approvals.settings import ApprovalSettings


def find(document: PolicyDocument, base_dir: Path, approvers: ApprovalSettings | None = None) -> list[Contradiction]:
    """base_dir: folder that file names start from. approvers: the recorder's settings, None when they are not known."""
    found = [
        *of_destinations(document),
        *of_modes(document),
        *of_limits(document),
        *of_approvals(document, approvers),
        *of_shapes(document, base_dir),
        *of_tools(document),
    ]
    return sorted(found, key=lambda one: one.weight is not Weight.ERROR)
