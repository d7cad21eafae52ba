"""What a decision costs: built-in rules, Cedar in process, OPA and OpenFGA over HTTP."""
