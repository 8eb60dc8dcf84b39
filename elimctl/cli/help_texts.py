"""Help texts: commands in groups, descriptions in full, and the plug-ins that are installed."""

import re
from typing import Any

from typer.core import TyperCommand, TyperGroup

ROOM = re.compile(r"\{(\w+)\}")


class ListedHelp(TyperCommand):
    """A command whose help replaces `{methods}` by the names of all methods, and so on for each room."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help; plug-ins are listed only now, because every command line loads this module."""
        for parameter in self.params:
            if text := getattr(parameter, "help", None):
                parameter.help = ROOM.sub(_names, text)  # type: ignore[attr-defined]
        super().format_help(ctx, formatter)


class GroupedHelp(TyperGroup):
    """A command group that lists its commands by help panel, with the whole first sentence of each."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Write one section for each help panel, in the order of registration."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            panel = getattr(command, "rich_help_panel", None)
            title = panel if isinstance(panel, str) else "Commands"
            sections.setdefault(title, []).append((name, _first_sentence(command.help or "")))
        widest = max((len(name) for name in self.commands), default=0)
        for title, rows in sections.items():
            with formatter.section(title):  # names are padded, so that all sections have the same columns
                formatter.write_dl([(name.ljust(widest), text) for name, text in rows])


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=\.)\s", " ".join(text.split("\n\n")[0].split()), maxsplit=1)[0]


def _names(room: re.Match[str]) -> str:
    from elimctl import plugins

    return ", ".join(plugins.names(room[1]))
