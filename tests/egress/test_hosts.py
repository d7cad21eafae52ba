"""One host has one spelling; what is not a host is refused."""

from __future__ import annotations

import socket
from contextlib import suppress
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.egress.hosts import InvalidHostError, is_address, normalise_host, normalise_pattern, split_authority


@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("EXAMPLE.Com", "example.com"),
        ("example.com.", "example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("faß.example", "xn--fa-hia.example"),
        ("ⓔxample.com", "example.com"),
        ("ｅｘａｍｐｌｅ．ｃｏｍ", "example.com"),
        ("example。com", "example.com"),
        ("under_score.example", "under_score.example"),
        ("127.0.0.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("0x7F000001", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0177.0.0.01", "127.0.0.1"),
        ("127.0.0.1.", "127.0.0.1"),
        ("１２７.0.0.1", "127.0.0.1"),
        ("[::1]", "::1"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_spellings_of_one_host(written: str, same: str) -> None:
    assert normalise_host(written) == same
    assert normalise_host(same) == same


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "..", "a..b", "-a.example", "a b", "a/b", "a@b", "a:b", "a\x00b", "*", "*.a"),
        "1.2.3.4.5",
        "256.1.1.1",
        "09.1.1.1",
        "[::1",
        "::1]",
        "x" * 64 + ".example",
        ".".join(["abcdefgh"] * 40),
        "a" * 5000,
        "0x1ffffffff",
    ],
)
def test_what_is_not_a_host(text: str) -> None:
    with pytest.raises(InvalidHostError):
        normalise_host(text)


NUMBERS = st.integers(0, 2**32 - 1)


@given(NUMBERS, st.sampled_from(["{}", "0x{:x}", "0X{:X}", "0{:o}"]))
def test_single_number_addresses_are_read_as_the_system_reads_them(number: int, form: str) -> None:
    text = form.format(number)
    assert normalise_host(text) == str(IPv4Address(number)) == socket.inet_ntoa(socket.inet_aton(text))


@given(st.lists(st.from_regex(r"(0x[0-9a-fA-F]{1,3}|0?[0-9]{1,4})", fullmatch=True), min_size=1, max_size=5))
def test_dotted_numbers_are_read_as_the_system_reads_them_or_refused(parts: list[str]) -> None:
    text = ".".join(parts)
    with suppress(InvalidHostError):
        assert normalise_host(text) == socket.inet_ntoa(socket.inet_aton(text))


@given(st.text(max_size=30))
def test_any_text_is_normalised_or_refused(text: str) -> None:
    with suppress(InvalidHostError):
        host = normalise_host(text)
        assert normalise_host(host) == host
        assert host.isascii()
        assert host == host.lower()
        assert not set(host) & set("/@?#[] \r\n\t%\\")


@pytest.mark.parametrize(
    ("authority", "host", "port"),
    [
        ("a.example", "a.example", None),
        ("A.example.:443", "a.example", 443),
        ("a.example:", "a.example", None),
        ("[::1]:8080", "::1", 8080),
        ("[::1]", "::1", None),
        ("127.1:80", "127.0.0.1", 80),
    ],
)
def test_authorities(authority: str, host: str, port: int | None) -> None:
    assert split_authority(authority) == (host, port)


@pytest.mark.parametrize(
    "text", ["a:b", "a:0", "a:65536", "a:-1", "a:1:2", "[::1]x", "[::1]:x", "user@a", "a:１", "::1"]
)
def test_what_is_not_an_authority(text: str) -> None:
    with pytest.raises(InvalidHostError):
        split_authority(text)


def test_patterns_and_addresses() -> None:
    assert normalise_pattern("*.Example.com.") == "*.example.com"
    assert normalise_pattern("*") == "*"
    for bad in ("*.10.0.0.1", "*.", "a*.example", "*.*.example", "**"):
        with pytest.raises(InvalidHostError):
            normalise_pattern(bad)
    assert is_address("127.0.0.1")
    assert is_address("::1")
    assert not is_address("a1.example")
