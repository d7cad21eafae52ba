"""A C2SP tlog-witness: a server that cosigns logs it watches, and the client a log asks any such witness with."""
