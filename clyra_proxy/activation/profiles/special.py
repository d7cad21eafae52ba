"""The small code that destination files name with `special`, by its id."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from clyra_proxy.activation.profiles.asynchronous import (
    KlaviyoBulk,
    KlaviyoErrors,
    KlaviyoJob,
    ZendeskBatch,
    ZendeskStatus,
    ZendeskStatuses,
)
from clyra_proxy.activation.profiles.compiled import CompiledEndpoint
from clyra_proxy.activation.profiles.endpoint import DeclaredEndpoint
from clyra_proxy.activation.profiles.google_ads import PartialFailureEndpoint
from clyra_proxy.activation.profiles.jobs import Jobs
from clyra_proxy.activation.profiles.paths import Call
from clyra_proxy.activation.profiles.postgrest import TableEndpoint
from clyra_proxy.activation.profiles.rpc import RpcEndpoint
from clyra_proxy.activation.profiles.salesforce_bulk import BatchResults, Creation, FailedResults, Information, Upload
from clyra_proxy.activation.profiles.salesforce_composite import CompositeEndpoint
from clyra_proxy.activation.profiles.salesforce_graph import GraphEndpoint
from clyra_proxy.activation.profiles.salesforce_tree import TreeEndpoint
from clyra_proxy.activation.profiles.soap import ProgramEndpoint, SoapEndpoint
from clyra_proxy.activation.profiles.statements import StatementEndpoint, TextStatementEndpoint

type Maker = Callable[[CompiledEndpoint, Call, Mapping[str, str], Jobs], DeclaredEndpoint]

SPECIAL: Mapping[str, Maker] = {
    "salesforce-composite": CompositeEndpoint,
    "salesforce-graph": GraphEndpoint,
    "salesforce-tree": TreeEndpoint,
    "salesforce-soap": SoapEndpoint,
    "salesforce-job": Creation,
    "salesforce-upload": Upload,
    "salesforce-information": Information,
    "salesforce-failed": FailedResults,
    "salesforce-results": BatchResults,
    "program": ProgramEndpoint,
    "zendesk-batch": ZendeskBatch,
    "zendesk-status": ZendeskStatus,
    "zendesk-statuses": ZendeskStatuses,
    "klaviyo-job": KlaviyoJob,
    "klaviyo-bulk": KlaviyoBulk,
    "klaviyo-errors": KlaviyoErrors,
    "google-partial-failure": PartialFailureEndpoint,
    "rpc": RpcEndpoint,
    "statements": StatementEndpoint,
    "statement-text": TextStatementEndpoint,
    "postgrest": TableEndpoint,
}
