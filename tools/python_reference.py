"""The reference of the Python client, from its docstrings."""

import inspect
from typing import Any

import entrepot_client
from entrepot_client import errors
from entrepot_client.filesystem import EntrepotFileSystem

FILE_SYSTEM_METHODS = ("ls", "info", "cat_file", "get_file", "put_file", "pipe_file")


def python_text() -> str:
    """Every public class with its methods, then the errors."""
    classes = [getattr(entrepot_client, name) for name in sorted(entrepot_client.__all__)]
    parts = [_class(cls) for cls in classes if cls is not errors.ClientError]
    parts.append(_class(EntrepotFileSystem, FILE_SYSTEM_METHODS))
    kinds = [each for each in vars(errors).values() if _is_error(each)]
    rows = [f"| `{kind.__name__}` | {_paragraph(kind)} |" for kind in kinds]
    table = ["| error | meaning |", "| --- | --- |", *rows]
    parts.append("## Errors\n\n`entrepot_client.errors` has them all.\n\n" + "\n".join(table))
    return "\n\n".join(parts)


def _class(cls: Any, methods: tuple[str, ...] | None = None) -> str:
    lines = [f"## {cls.__name__}", _text(cls)]
    for name, member in inspect.getmembers(cls):
        if name.startswith("_") or (methods is not None and name not in methods):
            continue
        if isinstance(member, property):
            lines += [f"### {cls.__name__}.{name}", _text(member)]
        elif inspect.isfunction(member) and member.__module__.startswith("entrepot_client"):
            signature = (
                str(inspect.signature(member)).replace("(self, ", "(").replace("(self)", "()")
            )
            lines += [f"### {cls.__name__}.{name}", f"```text\n{name}{_plain(signature)}\n```"]
            lines.append(_text(member))
    return "\n\n".join(lines)


def _plain(signature: str) -> str:
    """A signature without the modules of its types."""
    for module in ("collections.abc.", "pathlib.", "typing.", "datetime."):
        signature = signature.replace(module, "")
    return signature.replace("entrepot_client.models.", "").replace("entrepot_client.", "")


def _text(thing: Any) -> str:
    return inspect.getdoc(thing) or ""


def _paragraph(thing: Any) -> str:
    return _text(thing).split("\n\n")[0].replace("\n", " ").replace("|", "\\|")


def _is_error(thing: Any) -> bool:
    return isinstance(thing, type) and issubclass(thing, errors.ClientError)
