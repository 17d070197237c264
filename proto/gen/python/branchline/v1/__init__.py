"""The vocabulary and the public API of Branchline: messages, services, stubs."""
