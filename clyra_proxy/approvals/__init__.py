"""Approvals: an action that needs a person waits for one, bound to exactly its payload.

`classification` says which class an action is of (A free, B one person, C two or nobody), `call` what exactly is asked
for, `display` what a person is shown, `desk` talks to the recorder that keeps packets and tokens, `gate` is what the
data path calls. The recorder decides; this side can only ask, and anything but its clear yes is a no.
"""
