"""fakesnow's HTTP server on a free port; prints `port N` when it stands, and then what uvicorn logs."""

import threading

import fakesnow

with fakesnow.server() as connection:
    print("port", connection["port"], flush=True)
    threading.Event().wait()
