"""Messages: what is a finding, what is not, and that no text can make it fail or stall."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.detection.bec_corpus import synthesise
from clyra_proxy.genai.bec.folding import fold
from clyra_proxy.genai.bec.packs import Spelling, expand, load_packs
from clyra_proxy.genai.bec.scoring import assess
from clyra_proxy.genai.bec.text import scan_text
from clyra_proxy.policy.genai.bec import Bec

MAILS = list(synthesise(seed=7, copies=1))


def test_ordinary_business_mail_is_left_alone() -> None:
    flagged = [mail.template for mail in MAILS if not mail.lure and scan_text(mail.text)]
    assert len(flagged) <= len(MAILS) // 100, flagged


def test_lures_are_found_in_every_language() -> None:
    missed: dict[str, list[str]] = {}
    for mail in MAILS:
        if mail.lure and not scan_text(mail.text):
            missed.setdefault(mail.language, []).append(mail.template)
    for language in {mail.language for mail in MAILS if mail.lure}:
        lures = sum(mail.lure and mail.language == language for mail in MAILS)
        assert len(missed.get(language, ())) <= 0.25 * lures, missed


def test_many_languages_have_all_facets_that_payment_fraud_needs() -> None:
    packs = load_packs()
    languages = {mail.language for mail in MAILS}
    assert len(languages) >= 16
    needed = {
        "account",
        "payee",
        "pay",
        "setup",
        "change",
        "giftcard",
        "payroll",
        "login",
        "secrecy",
        "urgency",
        "bypass",
    }
    assert needed <= packs.facets


@pytest.mark.parametrize(
    ("text", "bec_class"),
    [
        ("Our bank details changed, pay the invoice to the new account today, keep it between us.", "payee_change"),
        ("Buy three Apple gift cards and text me the codes asap, I'm in a meeting.", "gift_card"),
        (
            "Please change my direct deposit to a new bank account before the next payroll, email only.",
            "payroll_diversion",
        ),
        (
            "A file was shared with you: report. Sign in with your work account to view it: https://x.example",
            "credential_phishing",
        ),
        ("Add a new vendor to the payment system quietly, don't tell procurement, IBAN below.", "new_payee"),
    ],
)
def test_the_class_is_told(text: str, bec_class: str) -> None:
    (signal,) = scan_text(text)
    assert signal.rule == "bec.suspected"
    assert signal.detail["bec_class"] == bec_class
    assert "gift" not in str(signal.detail["patterns"]).replace("giftcard.", "")


def test_a_lure_in_a_mail_as_json_is_found_once_and_not_diluted() -> None:
    lure = next(mail.text for mail in MAILS if mail.lure and mail.kind == "gift_card")
    others = [mail.text for mail in MAILS if not mail.lure][:60]
    inbox = json.dumps({"messages": [{"id": str(n), "body": text} for n, text in enumerate([*others, lure])]})
    assert len(scan_text(inbox)) == 1
    assert scan_text(json.dumps({"messages": [{"body": text} for text in others]})) == []
    assert scan_text("\n\n".join([*others[:20], lure, *others[20:40]]))


@pytest.mark.parametrize("many", [0, 150, 3000])
def test_a_lure_behind_many_others_or_deep_inside_is_seen(many: int) -> None:
    lure = "Buy three Apple gift cards and text me the codes asap, I'm in a meeting."
    crowd = [{"body": f"hello number {number}"} for number in range(many)]
    assert len(scan_text(json.dumps([*crowd, {"body": lure}]))) == 1
    deep: object = {"body": lure}
    for _ in range(many and 200):
        deep = {"x": [deep]}
    assert len(scan_text(json.dumps(deep))) == 1


def test_accents_width_and_invisible_characters_change_nothing() -> None:
    plain = "Please update our bank details today and pay the invoice to the new account, keep this between us."
    disguised = plain.replace("a", "a\u200b").replace("account", "ａｃｃｏｕｎｔ").replace("bank", "bánk")
    assert assess(disguised).score == assess(plain).score >= 5


def test_html_is_read_as_it_is_shown() -> None:
    lure = "A file was shared with you: report. Sign in with your work account to view it: https://x.example"
    page = (
        "<html><body><p>A <b>file</b> was&nbsp;shared with you: <i>report</i>.</p><p>Sign&#32;in with your <span "
        'style="color:red">work</span> account to <a href="https://x.example/1">view it</a></p></body></html>'
    )
    assert assess(page).score == assess(lure).score >= 5
    assert assess(page.replace("<", "< ")).score <= assess(page).score


def test_words_of_two_languages_do_not_add_up() -> None:
    assert assess("konto neu") == assess("konto neu")
    german, english = "Die Bankverbindung ist neu.", "Keep this between us, don't tell anyone, text me only."
    assert not assess(f"{german} {english}").suspected


@given(
    st.text(st.characters(), max_size=400)
    | st.text(st.sampled_from("\ud800\udfffİßﬀ\u0301aی\U000e0041 .\n"), max_size=60)
)
def test_any_text_is_judged(text: str) -> None:
    scan_text(text)


@settings(max_examples=30)
@given(st.recursive(st.none() | st.booleans() | st.text(max_size=20), lambda inner: st.lists(inner) | st.dictionaries(
    st.sampled_from(["from", "reply_to", "body", "iban", "subject", "x"]), inner)))  # fmt: skip
def test_any_json_is_judged(value: object) -> None:
    scan_text(json.dumps(value), Bec(own_domains=["globex.com"]))


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "pay ",
        "new account ",
        "<" * 50,
        "{" * 50,
        "x@y.z ",
        "https://a.b/ ",
        "I'm in a ",
        "DE89 ",
        "\n",
        "。",
        "from: ",
    ],
)
def test_a_long_text_of_one_piece_comes_to_an_end(piece: str) -> None:
    """How time grows is measured by the benchmarks."""
    scan_text(piece * (240_000 // len(piece)))


def test_patterns_of_packs_are_folded_like_texts() -> None:
    assert expand("Überweis*", Spelling.WORDS) == " (?:uberweis[^ ]*) "
    assert expand("e-?mail", Spelling.WORDS) == " (?:e ?mail) "
    assert fold("ÜBERWEISUNG") == "uberweisung"
    assert fold("الأحمد") == fold("الاحمد")
