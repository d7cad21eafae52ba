"""Personal data counts when its own arithmetic says so; numbers of things do not."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import luhn

from clyra_proxy.genai.leaks.scan import Scanner
from clyra_proxy.policy.genai.leaks import Leaks

EVERYTHING = dict.fromkeys(("ip", "email", "phone", "date_of_birth"), "mark")
SCANNER = Scanner(Leaks.model_validate({"personal": {"kinds": EVERYTHING}}))


def kinds(text: str) -> list[tuple[str, str]]:
    return [(leak.kind, text[leak.start : leak.end]) for leak in SCANNER.scan(text) if leak.family == "pii"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("mail jane.doe@acme.io please", "email"),
        ("card 4111 1111 1111 1111", "card"),
        ("5555555555554444", "card"),
        ("378282246310005", "card"),
        ("IBAN DE89 3704 0044 0532 0130 00 now", "iban"),
        ("GB82WEST12345698765432", "iban"),
        ("my SSN is 536-90-4399", "national_id"),
        ("NI AB 12 34 56 C", "national_id"),
        ("call me at (415) 555-2671", "phone"),
        ("+44 20 7946 0958", "phone"),
        ("telefon: 030 901820", "phone"),
        ("codice fiscale RSSMRA85T10A562S", "national_id"),
        ("CPF 123.456.789-09", "national_id"),
        ("PESEL 44051401359", "national_id"),
        ("BSN 111222333", "national_id"),
        ("personnummer 811228-9874", "national_id"),
        ("756.9217.0769.85", "national_id"),
        ("Aadhaar 2341 2341 2346", "national_id"),
        ("id 2341 2341 2346, room 4011", "national_id"),
        ("rijksregisternummer 85.07.30 033 28", "national_id"),
        ("INSZ 85073003328", "national_id"),
        ("11010519491231002X", "national_id"),
        ("971013-9019902", "national_id"),
        ("RUT 12.345.678-5", "national_id"),
        ("NHS number 943 476 5919", "national_id"),
        ("TFN 123 456 782", "national_id"),
        ("NIR 2 55 08 14 168 025 38", "national_id"),
        ("736028/5163", "national_id"),
        ("131052-308T", "national_id"),
        ("DNI 12345678Z", "national_id"),
        ("S1234567D", "national_id"),
        ("date of birth: 1985-04-12", "date_of_birth"),
        ("born on March 3, 1990", "date_of_birth"),
        ("fecha de nacimiento 12/04/1985", "date_of_birth"),
        ("passport number X1234567", "passport"),
        ("L898902C36UTO7408122F1204159ZE184226B<<<<<10", "passport"),
        ("driver license number D1234567", "driver_license"),
        ("client 8.8.8.8 asked", "ip"),
    ],
)
def test_is_found(text: str, kind: str) -> None:
    assert kind in [found for found, _ in kinds(text)], kinds(text)


@pytest.mark.parametrize(
    "text",
    [
        "order 1234567890123456", "tracking 9400111899223197428490", "version 1.2.3.4 build 17", "at 1700000000000",
        "4111 1111 1111 1112", "DE89 3704 0044 0532 0130 01", "my SSN is 000-12-3456", "SSN 666-12-3456",
        "git@github.com:a/b",
        "noreply@acme.com", "support@acme.io", "user@example.com", "192.168.1.1", "ISBN 978-3-16-148410-0",
        "call function 1234567", "birth of a nation 1915", "3.141592653589793", '{"user_id": 4539578763621486}',
        "12/05/2020 - 13/06/2021", "timestamp=4242424242424242", "PESEL 44051401358", "a = b@c", "company 123456782",
        "5678 2341 2341 2346", "2341 2341 2346 5678", "ES10 1673 2341 2341 2346 6426", "INSZ 85073003329",
        "L898902C36UTO7408122F1204150ZE184226B<<<<<10", "the passport office", "0000 0000 0000 0000",
    ],
)  # fmt: skip
def test_is_let_go(text: str) -> None:
    assert kinds(text) == []


@settings(max_examples=200)
@given(seed=st.integers(0, 10**6), blank=st.sampled_from(["", " ", "-"]))
def test_every_visa_number_is_one_and_none_with_a_wrong_digit(seed: int, blank: str) -> None:
    body = "4" + "".join(random.Random(seed).choices("0123456789", k=14))
    right = body + luhn.calc_check_digit(body)
    wrong = body + str((int(right[-1]) + 1) % 10)
    for number, is_card in ((right, len(set(right)) > 1), (wrong, False)):
        text = "card " + blank.join(number[at : at + 4] for at in range(0, 16, 4))
        assert ("card" in [kind for kind, _ in kinds(text)]) is is_card


@pytest.mark.parametrize(
    "text",
    [
        "Use Stripe's test card 4242 4242 4242 4242 with any CVC, or 4000 0000 0000 9995 for a decline.",
        "## Sandbox\n\n| Visa | 4111111111111111 |\n| Mastercard | 5555555555554444 |\n| Amex | 378282246310005 |",
    ],
)
def test_a_card_to_try_out_payments_is_nobodys_where_the_text_says_so(text: str) -> None:
    assert kinds(text) == []
    assert kinds(text.replace("test", "good").replace("Sandbox", "Paid")) != []


@given(digits=st.text("0123456789", min_size=11, max_size=11))
@settings(max_examples=30)
def test_another_card_is_somebodys_whatever_the_text_says(digits: str) -> None:
    number = f"4929{digits}"
    number += luhn.calc_check_digit(number)
    assert kinds(f"the test card is {number}") == [("card", number)]
