"""Invoices for many customers: ``branchline run examples/each/each.yaml -i 'hours=...'``."""
