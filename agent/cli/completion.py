"""``bbu-agent completion``: commands and options at the tab key."""

import click
from click.shell_completion import get_completion_class

_SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes SHELL complete commands, options and their values.

    \b
    Examples:
      bbu-agent completion bash > ~/.local/share/bash-completion/completions/bbu-agent
      bbu-agent completion zsh > ~/.zfunc/_bbu-agent        # a folder of fpath
      bbu-agent completion fish > ~/.config/fish/completions/bbu-agent.fish
    \b
    Exit codes: 0 done, 2 wrong use.
    """  # noqa: D301 - the marks are click's, for lines that stay as they are
    made = get_completion_class(shell)
    if made is None:
        raise click.UsageError(f"{shell} is not known here; name one of {', '.join(_SHELLS)}")
    group = context.find_root().command
    click.echo(made(group, {}, "bbu-agent", "_BBU_AGENT_COMPLETE").source())
