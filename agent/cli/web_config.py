"""The option ``--web.config.file``."""

from pathlib import Path

import click

web_config_option = click.option(
    "--web.config.file",
    "web_path",
    type=click.Path(path_type=Path),
    envvar="BBU_AGENT_WEB_CONFIG",
    help="TLS, users and headers of the HTTP server, as for Prometheus's exporters.",
)
