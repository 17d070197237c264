"""Audits the installed Python packages: ``python -m examples.audit``."""
