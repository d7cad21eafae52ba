"""Services that a policy has us ask over HTTP: detectors of the GenAI checks, policy engines.

Rule: a service is never trusted. Every call ends in time, in a bounded answer or in a `ServiceFailure` with a word from
a closed list; what failed too often is left alone for a while. What an answer means is the business of who asked.
"""
