"""A card and a courier: ``branchline run examples/retry_and_catch/retry_and_catch.yaml``."""
