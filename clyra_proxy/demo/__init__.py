"""The story `clyra demo` tells: a local upstream, made-up data, and one step per promise."""
