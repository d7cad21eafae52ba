"""SchemaLock: JSON Schema validation of bodies while they stream; learning, locking and comparing schemas."""
