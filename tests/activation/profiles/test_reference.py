"""The page about destinations is what their files say."""

from __future__ import annotations

from pathlib import Path

from clyra_proxy.activation.profiles.reference import PAGE, page

CHECKOUT = Path(__file__).resolve().parents[3]


def test_the_page_is_up_to_date() -> None:
    """`python -m clyra_proxy.activation.profiles.reference` rewrites it."""
    assert (CHECKOUT / PAGE).read_text("utf-8") == page()


def test_every_blank_of_it_is_filled_in() -> None:
    text = page().partition("## Profiles")[0]
    assert "{" not in text
    assert "`segment`" in text
