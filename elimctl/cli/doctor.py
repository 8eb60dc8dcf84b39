"""`elimctl doctor`."""

import typer

from elimctl.cli import console, options


def doctor(as_json: options.Json = False, workspace: options.Workspace = None) -> None:
    """Check versions, hardware, disk and models.

    The exit code is 1 if something must be mended.
    """
    from dataclasses import asdict

    from elimctl import workspace as workspaces
    from elimctl.cli import checks

    found = list(checks.run(workspaces.locate(workspace).root))
    problems = sum(check.status == "problem" for check in found)
    if as_json:
        console.show_json({"problems": problems, "checks": [asdict(check) for check in found]})
    else:
        rows = [
            (check.name, check.status, f"{check.found}\n> {check.remedy}" if check.remedy else check.found)
            for check in found
        ]
        console.show_table(("check", "status", "found"), rows)
        console.say(f"{problems} problems" if problems != 1 else "1 problem")
    if problems:
        raise typer.Exit(1)
