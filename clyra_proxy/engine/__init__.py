"""The engine room: mitmproxy as a library, workers and their supervisor, certificates, the guarded HTTP stream."""

from clyra_proxy.engine.slim import leave_out_default_addons

leave_out_default_addons()  # before anything in here imports mitmproxy
