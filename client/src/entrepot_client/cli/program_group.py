"""The program's tree of commands, of which only what is needed is loaded."""

import importlib
from typing import Any

import typer
from typer.core import TyperGroup

from entrepot_client.cli.catalog import CATALOG, EARLIER_NAMES
from entrepot_client.cli.common_options import spread_common_options
from entrepot_client.cli.plugins import BrokenPlugin, register_plugins

NO_MARKUP: Any = None
"""rich's help draws boxes and takes 0.1 s to start; plain text is better in a pipe."""


class ProgramGroup(TyperGroup):
    """The root: its own commands by `CATALOG`, and those of plug-ins when no own one is meant."""

    _has_plugins = False

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.broken_plugins: list[BrokenPlugin] = []

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of all commands, those of plug-ins last."""
        self._load_plugins()
        return [*CATALOG, *(name for name in self.commands if name not in CATALOG)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, loaded; None if there is none."""
        cmd_name = EARLIER_NAMES.get(cmd_name, cmd_name)
        if cmd_name not in self.commands:
            if cmd_name in CATALOG:
                self._load_own(cmd_name)
            else:
                self._load_plugins()
                if cmd_name not in self.commands:
                    self.load_all()  # whose names are suggested
        return self.commands.get(cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands for the help, without loading our own."""
        names = self.list_commands(ctx)
        limit = formatter.width - 6 - max(map(len, names))
        rows = [
            (name, CATALOG[name].help)
            if name in CATALOG
            else (name, self.commands[name].get_short_help_str(limit))
            for name in names
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def load_all(self) -> None:
        """Load every command, in the order of the help."""
        for name in CATALOG:
            if name not in self.commands:
                self._load_own(name)
        self._load_plugins()

    def _load_own(self, name: str) -> None:
        module = importlib.import_module(f"entrepot_client.cli.commands.{CATALOG[name].module}")
        app = typer.Typer(rich_markup_mode=NO_MARKUP)
        module.register(app)
        self._add(app)

    def _load_plugins(self) -> None:
        if not self._has_plugins:
            self._has_plugins = True
            app = typer.Typer(rich_markup_mode=NO_MARKUP)
            self.broken_plugins += register_plugins(app)
            self._add(app)

    def _add(self, app: typer.Typer) -> None:
        if not app.registered_commands and not app.registered_groups:
            return
        app.callback()(lambda: None)
        commands = typer.main.get_group(app).commands
        spread_common_options(commands, self.params)
        for name, command in commands.items():
            self.commands.setdefault(name, command)
