"""The public API: turns messages into requests and answers into messages."""

from branchline.server.rpc.server import RpcServer

__all__ = ["RpcServer"]
