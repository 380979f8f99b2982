"""`gtxnode db`: what a node keeps on its disk."""

import click

from gtxnode.cli.exits import CommandFailed, Exit
from gtxnode.cli.lazy import Lazy, LazyGroup
from gtxnode.cli.render import emit
from gtxnode.cli.session import session, shared_options

BLOCKS_PER_LINE = 1_000
COMMANDS = {
    "rebuild": Lazy("gtxnode.cli.database:rebuild", "Make coins and indexes anew from blocks."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def db() -> None:
    """Look after what the node keeps on its disk."""


@click.command()
@shared_options
@click.option(
    "--dry-run", is_flag=True, help="Only say what differs: exit code 1 if anything does."
)
def rebuild(dry_run: bool) -> None:
    """Make coins and indexes anew from blocks.

    Every block of every chain that the node hosts is played again from genesis and held
    against the rules once more; what the database has beside its blocks (coins, records, the
    indexes of transactions, activity, days, acts and violations) is put right where it
    differs. The node must be stopped. What is stopped goes on where it was; it takes as much
    disk again as the database until it is done.
    """
    import trio

    from gtxnode.config import hosted_shards
    from gtxnode.genesis_file import read_genesis
    from gtxnode.home import Home
    from gtxnode.rebuild import rebuild as run

    home, config = Home(session().home), session().settings().config
    if not home.genesis.exists():
        raise CommandFailed("home.missing", f"{home.path} is no home of a node", Exit.NOT_FOUND)
    genesis = read_genesis(home.genesis)
    shards = hosted_shards(config, tuple(shard.id for shard in genesis.shards))

    async def work() -> list[dict[str, object]]:
        found = await run(home, config, genesis, shards, _show, dry=dry_run)
        return [each._asdict() for each in found]

    found = trio.run(work)
    emit({"chains": found, "written": not dry_run})
    if dry_run and any(each["missing"] or each["wrong"] or each["surplus"] for each in found):
        raise CommandFailed("db.differs", "the indexes are not what the blocks give", Exit.FAILED)


def _show(shard: str, height: int, last: int) -> None:
    if not session().as_json and (height % BLOCKS_PER_LINE == 0 or height == last):
        click.echo(f"{shard}: block {height} of {last}", err=True)
