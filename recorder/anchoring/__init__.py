"""Outside anchors: the log's checkpoints placed where whoever holds its keys cannot take them back.

Witnesses, time stamp authorities, Git repositories, object stores and warehouse tables. Nothing here holds a private
key of the log, and nothing here can delay a record: it runs in a process of its own and only reads the store.
"""
