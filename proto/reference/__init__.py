"""The reference of the API, written from the protos and their comments."""
