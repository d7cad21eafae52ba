"""The recorder: a process of its own that turns exchanges into evidence anyone can verify offline."""
