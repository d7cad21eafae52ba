"""`readme.txt` of a bundle: enough for somebody who has this file, a trust file and one verifier, and nothing else."""

from __future__ import annotations

from recorder import NAMESPACE
from recorder.statement import Window

TEXT = """This is an evidence bundle: records [{start}, {end}) of the log {origin}.

What is in it
  records.jsonl            one record a line, in canonical form
  tree/frontier            Merkle tree (RFC 6962) state before the first record
  tree/start, tree/end     signed checkpoints of the log before and after these records
  statement.dsse.json      signed statement naming every member by digest
  keys/, approvals/        changes of the log's keys; approval certificates that were used (if any)
  schemas/                 what the fields of each record type mean (JSON Schema)
  anchors/, disclosures/, attestations/
                           added later by others: outside confirmations, disclosed values, findings (if any)
  transport.sha256         digests of the packed bytes, to find damage in transit

How to verify it, offline, with any one of three independent programs (do not unpack it first)
  clyra-verify verify THIS_FILE --trust trust.json             one static program, needs nothing installed
  node clyra-verify.mjs verify THIS_FILE --trust trust.json    needs Node.js 20 or newer
  clyra verify THIS_FILE --trust trust.json --explain          the Python package
The trust file holds the public keys of the log. Get it from the log's operator by a way you trust, not with the bundle.
Add --checkpoint FILE or --anchor FILE with a checkpoint of this log that reached you another way, and --memory FILE to
notice from one bundle to the next when something is dropped or remade.

What the answer means (exit code)
  verified (0)             intact, and something outside confirms the end
  rejected (1)             something is wrong; the program says what and where
  unreadable (2)           a file cannot be read, or the command is wrong
  intact, end not anchored ("prefix", 3)
                           every record is what was signed; nothing outside confirms that the last ones were not remade
  indeterminate (4)        trust file, type or version is missing

What verifying shows: that these records are exactly what the recorder wrote, complete from {start} to {last}, in order.
What it does not show: that the recorder was told the truth; that nothing was recorded after record {last}; that the
operator, who holds the keys, has not made a second log. An outside checkpoint or time stamp narrows the last two.
Format: {namespace}/def/bundle/v0
"""


def make(window: Window) -> bytes:
    """The read-me of the bundle of one window."""
    return TEXT.format(
        start=window.start, end=window.end, last=window.end - 1, origin=window.origin, namespace=NAMESPACE
    ).encode()
