"""`clyra genai`: look at texts and traffic of models. Each command is in a module of its own."""

from __future__ import annotations

import typer

from clyra_proxy.cli.genai_report import EPILOG as REPORT_EPILOG
from clyra_proxy.cli.genai_report import genai_report
from clyra_proxy.cli.genai_scan import EPILOG as SCAN_EPILOG
from clyra_proxy.cli.genai_scan import genai_scan
from clyra_proxy.cli.genai_test import EPILOG as TEST_EPILOG
from clyra_proxy.cli.genai_test import genai_test
from clyra_proxy.cli.genai_tools import drift_app, tools_app

app = typer.Typer(name="genai", no_args_is_help=True, add_completion=False, help="Judge what agents say and do.")
app.command("scan", epilog=SCAN_EPILOG)(genai_scan)
app.command("test", epilog=TEST_EPILOG)(genai_test)
app.command("report", epilog=REPORT_EPILOG)(genai_report)
app.add_typer(tools_app, name="tools")
app.add_typer(drift_app, name="drift")
