"""Which operation a path means, and which paths mean nothing."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.schemalock.router import AmbiguousPath, Router, split_path

TEMPLATES = [
    "/pets",
    "/pets/",
    "/pets/mine",
    "/pets/{id}",
    "/pets/{id}/photos",
    "/pets/{id}.json",
    "/pets/v-{id}",
    "/{kind}/mine/{n}",
    "/pets/mine/all",
    "/caf%C3%A9",
    "/range/{from}-{to}",
]


@pytest.fixture
def router() -> Router[str]:
    made: Router[str] = Router(["https://api.example.com/v1", "/v1/eu/"])
    for template in TEMPLATES:
        assert made.add("get", template, template) is None
    return made


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/v1/pets", "/pets"),
        ("/v1/pets?limit=1/2", "/pets"),
        ("/v1/pets/", "/pets/"),
        ("/v1/pets/mine", "/pets/mine"),
        ("/v1/pets/m%69ne", "/pets/mine"),
        ("/v1/pets/other", "/pets/{id}"),
        ("/v1/pets/a%20b", "/pets/{id}"),
        ("/v1/pets/a.json", "/pets/{id}.json"),
        ("/v1/pets/v-1", "/pets/v-{id}"),
        ("/v1/pets/.json", "/pets/{id}"),
        ("/v1/pets/mine/all", "/pets/mine/all"),
        ("/v1/pets/mine/7", "/{kind}/mine/{n}"),  # the literal branch is a dead end, so the templated one is tried
        ("/v1/pets/mine/photos", "/pets/{id}/photos"),
        ("/v1/eu/pets/x", "/pets/{id}"),
        ("/v1/caf%c3%a9", "/caf%C3%A9"),
        ("/v1/range/1-2", "/range/{from}-{to}"),
        ("/pets", None),
        ("/v1/pets/a/b", None),
        ("/v1/pets/%252e%252e", "/pets/{id}"),  # decoded once only: the segment is literally %2e%2e
        ("/v1/pets/%2e%2e", None),
        ("v1/pets", None),
        ("https://api.example.com/v1/pets", None),
        ("*", None),
        ("/" + "a/" * 5000, None),
    ],
)
def test_find(router: Router[str], path: str, template: str | None) -> None:
    assert router.find("GET", path) == template


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/v1/PETS", "/pets"),
        ("/V1/Pets/", "/pets/"),
        ("/v1/pets/mine/", "/pets/mine"),
        ("/v1/pets/A/Photos", "/pets/{id}/photos"),
        ("/v1//pets", "/pets"),
        ("//v1/pets//a//photos/", "/pets/{id}/photos"),
        ("/v1/pets/./a/photos", "/pets/{id}/photos"),
        ("/v1/x/../pets/mine", "/pets/mine"),
        ("/v1/x/%2e%2E/pets/mine", "/pets/mine"),
        ("/v1/x/..;y/pets/mine/all", "/pets/mine/all"),
        ("/v1;a=b/pets;c", "/pets"),
        ("/v1/pets/a%2Fphotos", "/pets/{id}/photos"),
        ("/v1/pets/a%5cphotos", "/pets/{id}/photos"),
        ("/v1\\pets", "/pets"),
        ("/v1/pets%2F", "/pets/"),
        ("/v1/pets/group%2Fname", "/pets/{id}"),
        ("/v1/pets/%zz", "/pets/{id}"),
        ("/v1/pets/%", "/pets/{id}"),
        ("/v1/pets/a%00", "/pets/{id}"),
        ("/v1/pets/%ff", "/pets/{id}"),
        ("/v1/pets?a=/../x", "/pets"),
    ],
)
def test_what_any_server_may_take_for_an_operation_is_that_operation(
    router: Router[str], path: str, template: str
) -> None:
    assert router.find("GET", path) == template


def test_the_spelling_itself_goes_first() -> None:
    router: Router[str] = Router()
    for template in ("/Rows", "/rows", "/rows/", "/rows;v=1"):
        router.add("GET", template, template)
    for template in ("/Rows", "/rows", "/rows/", "/rows;v=1"):
        assert router.find("GET", template) == template
    assert router.find("GET", "/ROWS/") == "/rows/"


def test_method_matters(router: Router[str]) -> None:
    assert router.find("POST", "/v1/pets") is None


def test_equivalent_templates_clash() -> None:
    router: Router[str] = Router()
    assert router.add("GET", "/a/{x}", "first") is None
    assert router.add("GET", "/a/{y}", "second") == "first"
    assert router.find("GET", "/a/1") == "first"


@given(st.text(max_size=40))
def test_any_path_is_split_or_ambiguous(path: str) -> None:
    try:
        segments = split_path("/" + path)
    except AmbiguousPath:
        return
    assert all("/" not in s and "\\" not in s and s not in (".", "..") for s in segments)


@given(
    st.text(min_size=1, max_size=20).filter(lambda s: not set(s) & set("/\\") and s.split(";")[0] not in (".", ".."))
)
def test_an_encoded_segment_reaches_its_template(segment: str) -> None:
    if any(ch < " " or ch == "\x7f" for ch in segment) or "\ud800" <= max(segment) <= "\udfff":
        return
    router: Router[str] = Router()
    router.add("GET", "/a/{x}/b", "hit")
    assert router.find("GET", f"/a/{quote(segment, safe='')}/b") == "hit"
