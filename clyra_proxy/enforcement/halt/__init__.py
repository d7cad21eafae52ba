"""The kill switch: what stops traffic, for whom, until when, and who lets it go on."""
