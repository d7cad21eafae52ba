"""A second policy on the same live exchanges: it judges a copy of what came, beside the data path, and never acts."""
