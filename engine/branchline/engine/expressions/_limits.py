"""The bounds that keep an expression from harming the server (semantics 3.6)."""

MAX_EXPRESSION_LENGTH = 10_000
"""Characters of one expression."""

MAX_NESTING = 100
"""Levels of brackets, and of operators and calls around each other, in one expression."""

MAX_DOCUMENT_NESTING = 200
"""Levels of lists and objects in a value that is compiled as a template or given as a result."""

MAX_STEPS = 500_000
"""Steps of one evaluation; all expressions of one template share them."""

MAX_RESULT_SIZE = 10_000_000
"""Characters of JSON text, roughly, that one evaluation may give."""

MAX_PATTERN_LENGTH = 1_000
"""Characters of a regular expression."""

MAX_PATTERN_MEMORY = 1 << 19
"""Bytes that a compiled regular expression may use."""

MAX_PRECISION = 100
"""Digits after the point that `format` writes."""

CHARACTERS_PER_STEP = 20
"""Text of this length is read or copied in the time of one step."""

ELEMENTS_PER_STEP = 5
"""So many list elements are copied in the time of one step."""

PATTERN_STEPS = 2_000
"""Steps that compiling a regular expression during an evaluation costs."""
