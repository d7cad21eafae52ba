"""Mirroring: copies of live requests for a second upstream, and how its answers differ.

The way of a copy: `choosing` and `writing` say which requests are mirrored, when their first byte is about to leave;
`tap` collects the bytes that really leave and those that come back; from then on all happens in a thread of its own
(`service`): `stripping` takes secrets out, `sending` sends, `comparing` and `noise` look at both answers, `lines` are
written. Rules that hold everywhere: nobody waits for a mirror, everything is bounded, what is dropped is counted, and
what is kept of an answer are pointers and kinds of difference.
"""
