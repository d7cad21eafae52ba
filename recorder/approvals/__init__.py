"""Approvals: packets that wait for people, who may decide, how they prove it, and the token that is used up once.

The guarded side asks (`orders`), people answer on a page of the recorder's own (`web`), and what they sign becomes a
certificate (`recorder.approval`). Everything is kept in one SQLite file (`book`) that survives restarts; what happened
is in the log (`pef.approval.*`) before anybody is told of it.
"""
