"""Parameters that are converted without pydantic where nothing needs converting.

Typer 0.29 checks every value with pydantic, whose import is half of the time that a short command
takes (ADR 0049), also for options that are left out and for texts. Whatever is not as simple as
that still goes its way, with its messages.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from typer import _coercion, core


@dataclass(frozen=True)
class QuickParameter(_coercion.RuntimeParam):
    """Passes texts, unchanged defaults and choices through; for others it builds Typer's own."""

    descriptor: _coercion.TypeDescriptor

    def _coerce_value(self, value: Any, param: Any, ctx: Any) -> Any:
        annotation = self.annotation
        if getattr(self.parameter_info, "parser", None) is None:
            if annotation is str and isinstance(value, str):
                return value
            if annotation == list[str] and isinstance(value, list | tuple):
                return list(value)
            if annotation in (int, bool) and type(value) is annotation and value == param.default:
                return value
            if isinstance(annotation, type) and issubclass(annotation, StrEnum):
                choice = next((each for each in annotation if each.value == value), None)
                if choice is not None:
                    return choice
        typers_own = _coercion.build_runtime_param(self.descriptor)
        return typers_own._coerce_value(value, param=param, ctx=ctx)


def use_quick_parameters() -> None:
    """Have Typer convert the values of this process so. A Typer that is built otherwise stays as it
    is, and slow."""
    parameter = getattr(core, "_TyperParameter", None)
    if parameter is not None and hasattr(parameter, "get_runtime_param"):
        parameter.get_runtime_param = _quick_parameter


_PLAIN_TYPES = {"str": "TEXT", "int": "NUMBER", "float": "NUMBER"}
"""What the help calls the values of options; a path is a `PATH`."""
_Command: Any = next(
    (kind for kind in core.TyperCommand.__mro__ if "get_short_help_str" in vars(kind)), None
)
_short_help_text: Any = getattr(_Command, "get_short_help_str", None)
_WHOLE_SENTENCE = 10_000
"""Characters: no first sentence of a help is longer."""
_typers_type_text: Any = getattr(getattr(core, "TyperOption", None), "display_type", None)


def use_plain_usage() -> None:
    """Have Typer write `FILE [VERSION]` in the usage of a command: its braces look as if they were
    to be typed; types in words, not in those of Python; and the first sentence of each command in a
    list, which is wrapped instead of cut. A Typer that is built otherwise keeps its own."""
    argument = getattr(core, "TyperArgument", None)
    if _short_help_text is not None:
        _Command.get_short_help_str = _first_sentence
    if _typers_type_text is not None:
        core.TyperOption.display_type = _type_of_option  # type: ignore[method-assign, assignment]
    if argument is not None and hasattr(argument, "display_type_rich"):
        argument.display_type_rich = _type_of_argument
    if argument is not None and hasattr(argument, "_usage_display_name"):
        argument._usage_display_name = _usage_name
        argument.display_name_raw = property(_display_name)


def _first_sentence(command: Any, limit: int = 0) -> str:
    del limit
    return str(_short_help_text(command, _WHOLE_SENTENCE))


def _type_of_option(option: Any, ctx: Any) -> str:
    return _plain_type(_typers_type_text(option, ctx=ctx))


def _type_of_argument(argument: Any, ctx: Any) -> str:
    """Its name says it, but for a choice."""
    return str(argument.display_type(ctx=ctx)) if argument.type_descriptor.is_choice else ""


def _plain_type(text: str) -> str:
    """The type as Typer writes it, such as `<int range>` or `<list[str]>`, in words."""
    name = text.strip("<>").removeprefix("list[").removesuffix("]").removesuffix(" range")
    if name in ("file", "path", "directory"):
        return "PATH"
    return _PLAIN_TYPES.get(name, text)


def _usage_name(argument: Any) -> str:
    name = _display_name(argument)
    name = name if argument.required else f"[{name}]"
    return name if argument.nargs == 1 else f"{name}..."


def _display_name(argument: Any) -> str:
    name: str = argument.metavar or argument.name.upper()
    return name


def _quick_parameter(param: Any) -> QuickParameter:
    if param._runtime_param is None:
        descriptor = param.type_descriptor
        param._runtime_param = QuickParameter(
            descriptor.parameter_info, descriptor.annotation, descriptor
        )
    quick: QuickParameter = param._runtime_param
    return quick
