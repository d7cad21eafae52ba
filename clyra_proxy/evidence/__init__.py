"""The proxy's side of evidence: from a finished exchange to a durable record, or to a refusal."""
