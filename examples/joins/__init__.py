"""A mortgage from three banks: ``branchline run examples/joins/joins.yaml -i price=400000``."""
