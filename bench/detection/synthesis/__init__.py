"""Synthetic texts to train and test the detection of injections with: attacks and their benign twins.

Rule: everything here is written for this repository from general knowledge of the languages and of how such attacks
are made; nothing is taken from a corpus. Attack and twin share carriers, names, addresses and numbers, so that what
tells them apart is what they ask for. A seed determines every row. Rows are for training and for tests; what detection
is worth is measured on sources that this package has never seen.
"""
