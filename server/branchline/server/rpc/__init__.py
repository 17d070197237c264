"""The public API: turns messages into requests and answers into messages.

Nothing is imported here: who only reads definitions needs no gRPC and no storage.
"""
