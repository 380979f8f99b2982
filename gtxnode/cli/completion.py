"""`gtxnode completion`: shells complete commands, options and choices."""

import click
from click.shell_completion import get_completion_class

from gtxnode.cli.root import root


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a shell's completion script.

    For bash: gtxnode completion bash > ~/.local/share/bash-completion/completions/gtxnode
    """
    found = get_completion_class(shell)
    assert found is not None, "click knows these shells"
    script = found(root, {}, "gtxnode", "_GTXNODE_COMPLETE")
    # Not `source()`: it starts bash to look at its version.
    click.echo(script.source_template % script.source_vars())
