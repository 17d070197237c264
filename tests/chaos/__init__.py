"""A chaos test: real processes do random work while everything around them breaks."""
