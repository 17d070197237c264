"""An insurance claim: ``branchline run examples/branching/branching.yaml -i amount=2400``."""
