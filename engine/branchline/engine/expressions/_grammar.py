"""The grammar, that of CEL without messages, bytes and unsigned integers."""

from typing import Final

from ._tokens import COMMENT, QUOTED_FIELD, RAW_STRING, STRING


def _terminal(pattern: str) -> str:
    """Write a pattern as the grammar's language wants it: between slashes."""
    return "/" + pattern.replace("/", r"\/") + "/"


GRAMMAR: Final = rf"""
?start: expression
?expression: disjunction
    | disjunction "?" disjunction ":" expression -> conditional
?disjunction: conjunction ("||" conjunction)+ -> any_of
    | conjunction
?conjunction: relation ("&&" relation)+ -> all_of
    | relation
?relation: sum ((COMPARISON | IN) sum)+ -> chain
    | sum
?sum: product ((PLUS | MINUS) product)+ -> chain
    | product
?product: unary (FACTOR unary)+ -> chain
    | unary
?unary: member
    | NOT+ member -> unary
    | MINUS+ member -> unary
?member: primary
    | member "." (NAME | QUOTED_FIELD) -> select
    | member "." "?" (NAME | QUOTED_FIELD) -> select_lenient
    | member "." NAME "(" arguments ")" -> method
    | member "[" expression "]" -> index
    | member "[" "?" expression "]" -> index_lenient
?primary: "(" expression ")"
    | NAME -> name
    | "." NAME -> rooted_name
    | NAME "(" arguments ")" -> function
    | "." NAME "(" arguments ")" -> function
    | LBRACKET _elements? ","? "]" -> list_literal
    | LBRACE _entries? ","? "}}" -> map_literal
    | literal
arguments: [expression ("," expression)*]
_elements: element | _elements "," element
element: expression
    | "?" expression -> element_lenient
_entries: entry | _entries "," entry
entry: expression ":" expression
    | "?" expression ":" expression -> entry_lenient
literal: FRACTION | INTEGER | UNSIGNED | RAW_STRING | STRING | BYTES | TRUE | FALSE | NULL

COMPARISON: "<=" | "<" | ">=" | ">" | "==" | "!="
IN: "in"
PLUS: "+"
MINUS: "-"
FACTOR: "*" | "/" | "%"
NOT: "!"
LBRACKET: "["
LBRACE: "{{"
TRUE: "true"
FALSE: "false"
NULL: "null"
NAME: /[_a-zA-Z][_a-zA-Z0-9]*/
FRACTION: /[0-9]*\.[0-9]+([eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+/
INTEGER: /0x[0-9a-fA-F]+|[0-9]+/
UNSIGNED: /(0x[0-9a-fA-F]+|[0-9]+)[uU]/
BYTES.2: {_terminal(f"[bB](?:{RAW_STRING}|{STRING})")}
RAW_STRING.2: {_terminal(RAW_STRING)}
STRING: {_terminal(STRING)}
QUOTED_FIELD: {_terminal(QUOTED_FIELD)}
COMMENT: {_terminal(COMMENT)}
WHITE_SPACE: /[ \t\r\n\f]+/
%ignore WHITE_SPACE
%ignore COMMENT
"""
