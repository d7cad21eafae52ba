"""How fast the whole proxy is, against stock mitmdump and a direct connection, in one run."""
