"""The activation gateway: writes into other people's systems, judged row by row.

Profiles read a request of a known destination as a `Batch`; inspectors look at its rows; what they reject is taken out
(the good rows go on), and the sender hears of it in the destination's own shape, at the right index.
"""
