"""Help texts that list the plug-ins there are, those of other packages too."""

import re
from typing import Any

from typer.core import TyperCommand

ROOM = re.compile(r"\{(\w+)\}")


class ListedHelp(TyperCommand):
    """A command in whose help `{methods}` stands for the names of all methods, and so on for each room."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help; plug-ins are looked for only now, since every command line loads this module."""
        for parameter in self.params:
            if text := getattr(parameter, "help", None):
                parameter.help = ROOM.sub(_names, text)  # type: ignore[attr-defined]
        super().format_help(ctx, formatter)


def _names(room: re.Match[str]) -> str:
    from elimctl import plugins

    return ", ".join(plugins.names(room[1]))
