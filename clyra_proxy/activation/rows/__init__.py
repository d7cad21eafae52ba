"""Blast radius: what one request, run or window of time may do to other people's records, whatever is in them."""
