"""Who is calling and under which trace: credentials, certificates, processes, pods, and how each is known."""
