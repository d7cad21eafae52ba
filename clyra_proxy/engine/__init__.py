"""The engine room: mitmproxy as a library, workers and their supervisor, certificates, the guarded HTTP stream."""
