"""A mypy plugin that proves what SQL is made of (`entrepot.inspection.sql`, ADR 0041).

mypy types every f-string as `str`. With this plugin a text is `Sql` if all its parts are: constants
of the code, numbers, and other `Sql`. The parts may be those of an f-string, of `join`, `format`,
`replace` and `+`. Three more rules follow from it:

- a constant is accepted where a function of ours takes `Sql`;
- `sql(…)` takes nothing but constants and `Sql`, and `Sql(…)` is called in its own module alone;
- the engine (`duckdb`) gets nothing else as a query.

A value of the type Any is none of these, so it does not become a part of SQL. ADR 0041 says what
the plugin does not see.
"""

import string
from collections.abc import Callable
from functools import partial

from mypy.checker import TypeChecker
from mypy.errorcodes import ErrorCode
from mypy.maptype import map_instance_to_supertype
from mypy.nodes import (
    CallExpr,
    ConditionalExpr,
    Expression,
    GeneratorExpr,
    Import,
    ImportFrom,
    ListComprehension,
    ListExpr,
    MemberExpr,
    MypyFile,
    OpExpr,
    SetExpr,
    StarExpr,
    StrExpr,
    TupleExpr,
    TypeInfo,
)
from mypy.plugin import (
    FunctionContext,
    FunctionSigContext,
    MethodContext,
    MethodSigContext,
    Plugin,
)
from mypy.types import (
    AnyType,
    CallableType,
    FunctionLike,
    Instance,
    LiteralType,
    ProperType,
    TupleType,
    Type,
    TypeOfAny,
    UnionType,
    get_proper_type,
)

MODULE = "entrepot.inspection"
MODULE_OF_SQL = f"{MODULE}.sql"
SQL = f"{MODULE_OF_SQL}.Sql"
NUMBERS = frozenset({"builtins.int", "builtins.bool", "builtins.float", "decimal.Decimal"})
"""Types whose texts, in any format, have neither quotes nor separators of SQL."""
Proof = Callable[[Expression, list[Expression], TypeChecker], bool]
"""Whether a method, called on the first, with the second, makes SQL."""
ENGINE = ("duckdb.", "_duckdb.")
RELATION = "duckdb._relation."
"""Texts that a relation's methods take are SQL, under many names."""
QUERIES = frozenset({"query", "dml"})
"""The parameters of the engine's other functions that are SQL."""
NOT_PROVEN = ErrorCode("sql", "A text is not proven to be SQL of ours", "Entrepot")
FORMATTED_VALUES = frozenset({"{:{}}", "{!s:{}}", "{!r:{}}"})
"""What mypy's parser makes of `{value}` in an f-string: `format` of one of these texts."""


def is_sql_type(value: Type | None) -> bool:
    """Whether every value of the type is a constant, a number or SQL."""
    proper = get_proper_type(value)
    match proper:
        case LiteralType():
            return True
        case UnionType():
            return all(is_sql_type(item) for item in proper.items)
        case Instance() if proper.type.fullname == SQL:
            return True
    return is_number_type(proper)


def is_number_type(value: Type | None) -> bool:
    """Whether every value of the type is a number, or a list of such."""
    proper = get_proper_type(value)
    if isinstance(proper, UnionType):
        return all(is_number_type(item) for item in proper.items)
    if not isinstance(proper, Instance):
        return False
    of_numbers = proper.type.fullname == "builtins.list" and is_number_type(proper.args[0])
    return of_numbers or proper.type.fullname in NUMBERS


def is_sql(node: Expression, api: TypeChecker) -> bool:
    """Whether an expression, which mypy has checked, is a constant, a number or SQL."""
    match node:
        case StrExpr():
            return True
        case ConditionalExpr():
            return is_sql(node.if_expr, api) and is_sql(node.else_expr, api)
        case OpExpr(op="+" | "or" | "and"):
            return is_sql(node.left, api) and is_sql(node.right, api)
    return is_sql_type(api.lookup_type(node) if api.has_type(node) else None)


def are_sql(node: Expression, api: TypeChecker) -> bool:
    """Whether all items of an iterable are."""
    match node:
        case ListExpr() | TupleExpr() | SetExpr():
            return all(
                are_sql(item.expr, api) if isinstance(item, StarExpr) else is_sql(item, api)
                for item in node.items
            )
        case ConditionalExpr():
            return are_sql(node.if_expr, api) and are_sql(node.else_expr, api)
        case GeneratorExpr():
            return is_sql(node.left_expr, api)
        case ListComprehension():
            return is_sql(node.generator.left_expr, api)
    # Asked again, since the call asked for an iterable of `str`, which one of `Sql` is too.
    with api.msg.filter_errors():
        return _has_sql_items(get_proper_type(api.get_expression_type(node)), api)


def _has_sql_items(kind: ProperType, api: TypeChecker) -> bool:
    if isinstance(kind, TupleType):
        return all(is_sql_type(item) for item in kind.items)
    iterable = api.named_generic_type("typing.Iterable", [AnyType(TypeOfAny.special_form)]).type
    if not isinstance(kind, Instance) or not kind.type.has_base(iterable.fullname):
        return False
    return is_sql_type(map_instance_to_supertype(kind, iterable).args[0])


def checker(context: MethodContext | FunctionContext) -> TypeChecker:
    """What checks the module: it knows the types of the expressions that it has checked."""
    assert isinstance(context.api, TypeChecker)
    return context.api


class SqlPlugin(Plugin):
    """See the module."""

    def get_method_hook(self, fullname: str) -> Callable[[MethodContext], Type] | None:
        """What the text's methods return, and what the engine's methods take."""
        owner, _, method = fullname.rpartition(".")
        if owner in ("builtins.str", SQL) and method in METHODS:
            return partial(_prove, METHODS[method])
        if not fullname.startswith(ENGINE):
            return None
        return partial(_check_query, fullname.startswith(RELATION))

    def get_function_hook(self, fullname: str) -> Callable[[FunctionContext], Type] | None:
        """What `sql` and the engine's functions take."""
        if fullname == f"{MODULE_OF_SQL}.sql":
            return _check_constant
        if fullname == SQL:
            return _check_maker
        return partial(_check_query, False) if fullname.startswith(ENGINE) else None

    def get_function_signature_hook(
        self, fullname: str
    ) -> Callable[[FunctionSigContext], FunctionLike] | None:
        """Constants are accepted as `Sql` by every function and class of ours."""
        local = "." not in fullname  # a function within a function
        return _accept_constants if local or fullname.startswith(MODULE) else None

    def get_method_signature_hook(
        self, fullname: str
    ) -> Callable[[MethodSigContext], FunctionLike] | None:
        """Constants are accepted as `Sql` by every method of ours."""
        return _accept_constants if fullname.startswith(MODULE) else None


def _prove(proof: Proof, context: MethodContext) -> Type:
    """What a method of a text returns: `Sql` in the modules that SQL is for, where it is proven."""
    api, node = checker(context), _receiver(context)
    symbol = None
    if node is not None and _has_sql(api.tree):
        parts = [part for formal in context.args for part in formal]
        module = api.modules.get(MODULE_OF_SQL) if proof(node, parts, api) else None
        symbol = module.names.get("Sql") if module is not None else None
    if symbol is None or not isinstance(symbol.node, TypeInfo):
        return context.default_return_type
    return Instance(symbol.node, [])


def _has_sql(module: MypyFile) -> bool:
    """Whether a module is one that SQL is for: others may assign an f-string and then any text."""
    imported = {each.id for each in module.imports if isinstance(each, ImportFrom)}
    imported |= {
        name for each in module.imports if isinstance(each, Import) for name, _ in each.ids
    }
    return module.fullname.startswith(MODULE) and not imported.isdisjoint({"duckdb", MODULE_OF_SQL})


def _join(node: Expression, parts: list[Expression], api: TypeChecker) -> bool:
    return is_sql(node, api) and are_sql(parts[0], api)


def _format(node: Expression, parts: list[Expression], api: TypeChecker) -> bool:
    if not isinstance(node, StrExpr):
        return False
    if node.value in FORMATTED_VALUES:
        value, form = parts
        if not isinstance(form, StrExpr):
            return False
        if api.has_type(value) and is_number_type(api.lookup_type(value)):
            return True
        return not form.value and "!r" not in node.value and is_sql(value, api)
    fields = string.Formatter().parse(node.value)
    simple = all(
        not form and not way and (not name or name.isalnum()) for _, name, form, way in fields
    )
    return simple and all(is_sql(part, api) for part in parts)


def _combine(node: Expression, parts: list[Expression], api: TypeChecker) -> bool:
    return is_sql(node, api) and all(is_sql(part, api) for part in parts)


def _receiver(context: MethodContext) -> Expression | None:
    """What a method is called on, or the left side of an operator."""
    match context.context:
        case CallExpr(callee=MemberExpr(expr=node)):
            return node
        case OpExpr(left=node):
            return node
    return None


METHODS = {"join": _join, "format": _format, "replace": _combine, "__add__": _combine}


def _check_constant(context: FunctionContext) -> Type:
    for part in context.args[0]:
        if not is_sql(part, checker(context)):
            message = "`sql` takes constants, numbers and `Sql` alone"
            context.api.fail(message, part, code=NOT_PROVEN)
    return context.default_return_type


def _check_maker(context: FunctionContext) -> Type:
    if checker(context).tree.fullname != MODULE_OF_SQL:
        message = f"Only the functions of {MODULE_OF_SQL} make `Sql` of any text"
        context.api.fail(message, context.context, code=NOT_PROVEN)
    return context.default_return_type


def _check_query(always: bool, context: MethodContext | FunctionContext) -> Type:
    for name, parts in zip(context.callee_arg_names, context.args, strict=True):
        for part in parts:
            if (always or name in QUERIES) and not is_sql(part, checker(context)):
                context.api.fail("The engine runs `Sql` alone", part, code=NOT_PROVEN)
    return context.default_return_type


def _accept_constants(context: FunctionSigContext | MethodSigContext) -> FunctionLike:
    """The signature, with `str` for `Sql` where the call has a constant."""
    signature = context.default_signature
    if not isinstance(signature, CallableType):
        return signature
    kinds = list(signature.arg_types)
    for number, parts in enumerate(context.args[: len(kinds)]):
        proper = get_proper_type(kinds[number])
        if not isinstance(proper, Instance) or proper.type.fullname != SQL:
            continue
        if parts and all(_is_constant(part) for part in parts):
            kinds[number] = proper.type.bases[0]
    return signature.copy_modified(arg_types=kinds)


def _is_constant(node: Expression) -> bool:
    """Whether an expression, not yet checked, is a constant."""
    if isinstance(node, ConditionalExpr):
        return _is_constant(node.if_expr) and _is_constant(node.else_expr)
    return isinstance(node, StrExpr)


def plugin(version: str) -> type[Plugin]:
    """The plugin's class, for mypy."""
    return SqlPlugin
