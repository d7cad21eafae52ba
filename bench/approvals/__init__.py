"""How long approvals take: validating certificates, and using a token up durably."""
