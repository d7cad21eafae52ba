"""What a destination file may say (`policies/destinations/*.yaml`): strict models, one a mapping.

Rule: a file is data about one API, from its public documentation or from captures, and holds no code. Places are JSON
pointers (RFC 6901) in the request's body, in a row or in an answer; `{name}` is what the path template captured.
Where an API is special, `special` names small code by its id (`clyra_proxy.activation.profiles.special`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from clyra_proxy.activation.model import Operation
from clyra_proxy.activation.profiles.json_body import Pointer
from clyra_proxy.policy.section import Section

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
Place = Annotated[str, StringConstraints(max_length=256)]
"""A JSON pointer, or text with `{captures}`."""


class Media(StrEnum):
    """How a body holds its rows."""

    JSON = "json"
    CSV = "csv"
    NDJSON = "ndjson"
    FORM = "form"
    NONE = "none"  # the request says everything in its head
    DETECTED = "detected"  # by Content-Type, as generic REST APIs


class Match(Section):
    """A value of the body that decides something. words: its text -> what it means."""

    at: Pointer
    words: dict[str, Operation]
    otherwise: Operation = Operation.UNKNOWN


class Condition(Section):
    """True where the value at `at` is one of `is_in` (as text), or is there at all when nothing is listed."""

    at: Pointer
    is_in: list[str] = Field(default_factory=list)
    absent: bool = Field(False, description="What holds when the value is not there.")


class Attributed(Section):
    """Where a payload says which sync and run it belongs to."""

    tool: str = ""
    sync: list[Pointer] = Field(default_factory=list)
    run: list[Pointer] = Field(default_factory=list)


class Into(Section):
    """The table that the result of a statement is written to, where the request names it beside the statement."""

    at: Pointer
    names: list[str] = Field(description="Its members, from the outermost; the last is the table.")
    how: Pointer = Field(description="What is done with what the table holds.")
    appends: list[str] = Field(default_factory=list)
    replaces: list[str] = Field(default_factory=list)


class Refused(Section):
    """The answer had the destination refused everything. body: a template; text: a plain one instead."""

    status: int = 400
    body: Any = None
    text: str = ""
    media_type: str = "application/json"


class AnswerShape(Section):
    """How an answer tells of single rows. Templates: see `clyra_proxy.activation.profiles.templates`."""

    results: Pointer | None = Field(None, description="Array with one element for every row, in order.")
    succeeded: Condition | None = Field(None, description="When an element of `results` means success.")
    failed: Condition | None = Field(None, description="When an element of `results` means failure.")
    failure: Any = Field(None, description="The element of `results` of a refused row.")
    rest: Any = Field(None, description="The element of rows that go down with others; else `failure`.")
    errors: Pointer | None = Field(None, description="Array with one element for every failed row.")
    error: Any = Field(None, description="The element of `errors` of a refused row.")
    more_errors: dict[Pointer, Any] = Field(
        default_factory=dict,
        description="Other arrays of failed rows, with their element; rows without it are left out.",
    )
    error_index: Pointer | None = Field(None, description="Where an element of `errors` counts its row.")
    error_list: Pointer | None = Field(None, description="Where it names the list that it counts in.")
    error_key: Pointer | None = Field(None, description="Where it names its row by the key.")
    code: Pointer | None = Field(None, description="The destination's code in a failed element.")
    taken: Pointer | None = Field(None, description="How many rows the destination says it took.")
    added: dict[Pointer, int] = Field(default_factory=dict, description="Counts that grow with every refused row.")
    empty: Any = Field(None, description="What an empty answer of success is told as, before errors are added.")
    partial_status: int | None = Field(None, description="Status when some rows failed; else as answered.")
    whole_failure: Condition | None = Field(None, description="When an answer of 2xx means that nothing was done.")
    whole_code: Pointer | None = Field(None, description="The destination's code in an answer that refuses all.")
    refused: Refused | None = None
    always: bool = Field(False, description="Clients take any other refusal for trouble on the way, and try again.")


class Limited(Section):
    """How the destination says: later. An answer that satisfies any entry."""

    status: int = 429
    when: Condition | None = None


class EndpointShape(Section):
    """One kind of request."""

    id: Identifier
    request: Annotated[str, StringConstraints(pattern=r"^[A-Z|*]+ /")] = Field(
        description="`METHOD /path/{capture}`; several methods with `|`; `{capture...}` takes any number of segments."
    )
    query: dict[str, str] = Field(default_factory=dict, description="Query parameters that must stand so.")
    writes: bool = True
    special: Identifier | None = None
    media: Media = Media.JSON
    as_file: bool = Field(False, description="CSV comes as the file of a multipart form, and in no other way.")
    embedded: str = Field("", description="Form field that holds the JSON document, when the body is a form.")
    split: list[str] = Field(
        default_factory=list,
        description="Query parameters that list ids with commas: rows, or what one row is done to.",
    )
    each: list[Pointer] = Field(default_factory=list, description="Lists of ids in a row: it is done to each of them.")
    target: Place = ""
    row_target: Pointer | None = Field(None, description="Where a row says what it is written to, of two members.")
    operation: Operation | Match = Operation.UNKNOWN
    list_operations: dict[str, Operation] = Field(default_factory=dict, description="Name of an array -> operation.")
    rows: list[Pointer] = Field(default_factory=list, description="Arrays of rows (or objects: member name -> row).")
    single: Pointer | None = Field(None, description='The place of the one row; "" is the whole body.')
    values: list[Pointer] = Field(default_factory=list, description="Objects in a row whose members are its fields.")
    envelope: list[str] = Field(default_factory=list, description="Members of a row that are no fields.")
    columns: Pointer | None = Field(None, description="Field names, for rows that are arrays.")
    scalar: str = Field("", description="Field name of rows that are single values.")
    key: list[Place] = Field(default_factory=list, description="Where the record key is; the first that is there.")
    key_name: Pointer | None = Field(None, description="Where the body names the member that is the key.")
    row_operation: Match | None = Field(None, description="Where a row says what is done to it.")
    members: dict[str, Operation] = Field(default_factory=dict, description="The one member of a row -> operation.")
    all_or_none: bool | Condition = False
    nulls: list[str] = Field(default_factory=list, description="CSV cells that mean null.")
    statements: list[Pointer] = Field(default_factory=list, description="SQL texts.")
    bound: Pointer | None = Field(None, description="Values of a statement's placeholders by number; lists are rows.")
    language: Condition | None = Field(None, description="For statements: what must hold, else it is a program.")
    into: Into | None = Field(None, description="Where the request says what table the result is written to.")
    tag: Pointer | None = Field(None, description="Where a query tag goes.")
    query_id: Pointer | None = Field(None, description="Where the answer names the query.")
    idempotency: list[Place] = Field(default_factory=list, description="Pointers or `?parameter`.")
    attributed: Attributed | None = None
    most_rows: int = Field(0, description="Rows the API takes in one request; 0: not documented.")
    most_bytes: int = 0
    answer: Identifier | None = None
    note: str = ""


class DestinationShape(Section):
    """One destination: a file."""

    id: Identifier
    name: str
    source: str = Field(description="Where this is documented.")
    hosts: list[str] = Field(default_factory=list, description="Host names; `*.` at the start stands for any label.")
    anywhere: list[str] = Field(default_factory=list, description="Beginnings of paths that no other API has.")
    optional_suffix: str = Field("", description="End of paths that makes no difference (`.json`).")
    dialect: str = ""
    idempotency_headers: list[str] = Field(default_factory=list)
    limited: list[Limited] = Field(default_factory=lambda: [Limited()])
    attributed: Attributed | None = None
    answers: dict[Identifier, AnswerShape] = Field(default_factory=dict)
    endpoints: list[EndpointShape]
    other_writes: bool = Field(True, description="Read writes to other paths as a generic API would be read.")
    ignored: list[str] = Field(default_factory=list, description="`METHOD /path` of calls that change no data.")
    asks_by: str = Field("", description="Query parameter that makes a POST read, with the value `GET`.")
    other_answer: Identifier | None = Field(None, description="How writes to other paths are refused; else as generic.")
