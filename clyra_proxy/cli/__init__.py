"""The command line: one module a command; every error says what, why and what to do; exit codes 0, 1, 2, 64."""
