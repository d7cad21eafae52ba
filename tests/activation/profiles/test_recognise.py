"""Which profile and endpoint a request is for, however it is spelled."""

from __future__ import annotations

import pytest

from clyra_proxy.activation.model import Operation
from clyra_proxy.activation.profile import UnreadableError
from clyra_proxy.activation.profiles import compile_catalogue, profiles, recognise
from clyra_proxy.errors import PolicyError
from tests.activation.profiles.support import destination_of, endpoint_of, head_of

CATALOGUE = compile_catalogue()
SALESFORCE = "https://acme.my.salesforce.com/services/data/v59.0"


@pytest.mark.parametrize(
    ("line", "profile"),
    [
        ("POST https://api.hubapi.com/crm/v3/objects/contacts", "hubspot"),
        ("POST https://API.HUBAPI.COM./crm/v3/objects/contacts", "hubspot"),
        ("GET https://acme--dev.sandbox.my.salesforce.com/x", "salesforce"),
        ("PATCH https://crm.intern.example/services/data/v59.0/sobjects/A/1", "salesforce"),
        ("POST https://localhost/crm/v3/objects/contacts/batch/create", "hubspot"),
        ("POST https://127.0.0.1/queries/v1/query-request", "snowflake"),
        ("POST https://dbc-a1.cloud.databricks.com/api/2.0/sql/statements", "databricks"),
        ("POST https://api.openai.com/v1/chat/completions", ""),
        ("POST https://nothubapi.com/crm", ""),
        ("POST https://hubapi.com.evil.test/crm", ""),
        ("POST https://braze.com.evil.test/users/track", ""),
    ],
)
def test_by_host_and_by_paths_no_other_api_has(line: str, profile: str) -> None:
    found = CATALOGUE.recognise(head_of(line), destination_of(line), "auto")
    assert ("" if found is None else found.id) == profile


@pytest.mark.parametrize(
    ("line", "endpoint"),
    [
        (f"POST {SALESFORCE}/composite/sobjects", "salesforce.collection-insert"),
        (f"POST {SALESFORCE}//composite/./sobjects/", "salesforce.collection-insert"),
        (f"POST {SALESFORCE}/comp%6Fsite/sObjects", "salesforce.collection-insert"),
        (f"POST {SALESFORCE}/query/../composite/%2e%2e/composite/sobjects", "salesforce.collection-insert"),
        (f"POST {SALESFORCE}/composite/sobjects?_HttpMethod=PATCH", "salesforce.collection-update"),
        (f"POST {SALESFORCE}/sobjects/Contact/003?_HttpMethod=DELETE", "salesforce.delete"),
        (f"PATCH {SALESFORCE}/composite/sobjects/Contact/Ext__c", "salesforce.collection-upsert"),
        (f"POST {SALESFORCE}/some/new/resource", "salesforce.other"),
        ("POST https://acme.zendesk.com/api/v2/users/create_many", "zendesk.create-many"),
        ("POST https://acme.zendesk.com/api/v2/users/create_many.json", "zendesk.create-many"),
        ("POST https://acme.zendesk.com/api/v2/tickets.json", "zendesk.create"),
        ("DELETE https://api.hubapi.com/crm/v3/objects/contacts/7", "hubspot.archive"),
        ("POST https://api.hubapi.com/automation/v4/actions", "hubspot.other"),
        (
            "POST https://googleads.googleapis.com/v21/customers/1:uploadClickConversions",
            "google-ads.click-conversions",
        ),
    ],
)
def test_endpoints_by_what_a_server_would_take(line: str, endpoint: str) -> None:
    assert endpoint_of(line, head_of(line), catalogue=CATALOGUE).id == endpoint


def test_a_method_override_header_counts() -> None:
    line = f"POST {SALESFORCE}/sobjects/Contact/003"
    assert endpoint_of(line, head_of(line, x_http_method_override="delete")).id == "salesforce.delete"


@pytest.mark.parametrize(
    "line",
    [
        f"GET {SALESFORCE}/query?q=select",
        "POST https://acme.my.salesforce.com/services/oauth2/token",
        "POST https://api.hubapi.com/crm/v3/objects/contacts/search",
        "POST https://slack.com/api/users.list",
        f"POST {SALESFORCE}/composite/sobjects/Account",
        "POST https://acme.snowflakecomputing.com/session/v1/login-request",
        "POST https://acme.zendesk.com/oauth/tokens",
    ],
)
def test_what_only_asks_is_nobodys(line: str) -> None:
    profile = recognise(head_of(line), destination_of(line), "auto")
    assert profile is not None
    assert profile.endpoint(head_of(line), destination_of(line)) is None


SOAP = "POST https://login.salesforce.com/services/Soap/u/59.0"


@pytest.mark.parametrize(
    ("body", "reads"),
    [
        (b"<e:Envelope><e:Body><n1:login><n1:username>u</n1:username></n1:login></e:Body></e:Envelope>", True),
        (b'<Envelope>\n<soapenv:Body a="b">\n  <describeSObject/></soapenv:Body></Envelope>', True),
        (b"<e:Envelope><e:Body><n1:delete><ids>1</ids></n1:delete></e:Body></e:Envelope>", False),
        (b"<e:Envelope><!-- <e:Body><login> --><e:Body><delete/></e:Body></e:Envelope>", False),
        (b"<e:Envelope><e:Body><login/></e:Body><e:Body><delete/></e:Body></e:Envelope>", False),
        (b"<e:Envelope><e:Header/></e:Envelope>", False),
        (b"", False),
    ],
)
def test_soap_may_sign_in_and_read(body: bytes, reads: bool) -> None:
    head = head_of(SOAP, "text/xml; charset=UTF-8")
    endpoint = endpoint_of(SOAP, head)
    if reads:
        assert endpoint.read(head, body).rows == ()
        return
    with pytest.raises(UnreadableError, match="opaque"):
        endpoint.read(head, body)


def test_one_change_to_many_ids_is_many_rows() -> None:
    line = "PUT https://acme.zendesk.com/api/v2/users/update_many.json?ids=1,2&ids=3"
    head = head_of(line)
    endpoint = endpoint_of(line, head)
    batch = endpoint.read(head, b'{"user":{"role":"agent"}}')
    assert [(row.key, dict(row.values)) for row in batch.rows] == [(id_, {"role": "agent"}) for id_ in ("1", "2", "3")]
    assert endpoint.without(b'{"user":{"role":"agent"}}', batch, frozenset({1})) is None


def test_ids_in_several_parameters_are_all_rows() -> None:
    line = "DELETE https://acme.my.salesforce.com/services/data/v59.0/composite/sobjects?ids=a,b&ids=c"
    head = head_of(line, "")
    assert [row.key for row in endpoint_of(line, head).read(head, b"").rows] == ["a", "b", "c"]


def test_a_message_by_get_is_a_message() -> None:
    line = "GET https://slack.com/api/chat.postMessage?channel=C1&text=hi"
    head = head_of(line, "")
    (row,) = endpoint_of(line, head).read(head, b"").rows
    assert dict(row.values) == {"channel": "C1", "text": "hi"}


@pytest.mark.parametrize(
    ("line", "operation"),
    [
        ("DELETE https://acme.snowflakecomputing.com/api/v2/databases/prod", Operation.DELETE),
        ("PUT https://dbc-1.cloud.databricks.com/api/2.0/fs/files/Volumes/a.bin", Operation.UPSERT),
        ("POST https://graph.facebook.com/v25.0/123?method=delete", Operation.DELETE),
    ],
)
def test_other_writes_of_a_known_destination_count_as_one_row(line: str, operation: Operation) -> None:
    head = head_of(line, "application/octet-stream")
    (row,) = endpoint_of(line, head).read(head, b"\0\1").rows
    assert row.operation is operation


def test_declared_profiles() -> None:
    line = "POST https://crm.example.test/x"
    head, destination = head_of(line), destination_of(line)
    assert CATALOGUE.recognise(head, destination, "off") is None
    assert CATALOGUE.recognise(head, destination, "auto") is None
    found = CATALOGUE.recognise(head, destination, "generic-json:/a/b")
    assert found is not None
    assert found.id == "generic-json"
    for name in ("hubspo", "generic-json:records"):
        with pytest.raises(PolicyError, match="there is no destination profile"):
            CATALOGUE.declared(name)


def test_ids_are_one_word_each() -> None:
    ids = [profile.id for profile in profiles()]
    assert len(set(ids)) == len(ids)
    for profile in CATALOGUE.profiles.values():
        names = [one.shape.id for one in profile.endpoints]
        assert len(set(names)) == len(names), profile.id
