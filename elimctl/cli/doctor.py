"""`elimctl doctor`."""

import typer

from elimctl.cli import console, options
from elimctl.text import counted


def doctor(as_json: options.Json = False, workspace: options.Workspace = None) -> None:
    """Check versions, hardware, disk and models.

    The exit code is 1 if there is a problem.
    """
    from dataclasses import asdict

    from elimctl import workspace as workspaces
    from elimctl.commands import doctor as checks

    results = list(checks.run(workspaces.locate(workspace).root))
    problems = sum(check.status == "problem" for check in results)
    if as_json:
        console.show_json({"problems": problems, "checks": [asdict(check) for check in results]})
    else:
        rows = [
            (check.name, check.status, f"{check.found}\n> {check.remedy}" if check.remedy else check.found)
            for check in results
        ]
        console.show_table(("check", "status", "found"), rows)
        console.say(counted(problems, "problem"))
    if problems:
        raise typer.Exit(1)
