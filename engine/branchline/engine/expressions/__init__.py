"""Expressions, conditions and templates (semantics 3).

The language is a profile of CEL over JSON values; `docs/expressions.md` describes it.
"""

from ._errors import ExpressionError, InvalidExpression, InvalidTemplate
from ._expression import Condition, Expression, compile_condition, compile_expression
from ._frame import Allowance
from ._templates import Template, compile_template, template_problems
from ._values import Json, truth

__all__ = [
    "Allowance",
    "Condition",
    "Expression",
    "ExpressionError",
    "InvalidExpression",
    "InvalidTemplate",
    "Json",
    "Template",
    "compile_condition",
    "compile_expression",
    "compile_template",
    "template_problems",
    "truth",
]
