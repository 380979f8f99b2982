"""What a block shows of proposers, as the node's metrics tell it."""

from gtxnode.chain.proposing import Proposing
from gtxnode.measure import Measures
from gtxnode.metrics import Metrics


def test_proposers_are_counted() -> None:
    metrics = Metrics()
    measures = Measures(metrics.shard("func_governance"))
    measures.proposing(Proposing(7, 2, 3, 5, withheld=True, authorities_withheld=1))
    measures.proposing(Proposing(None, 0, 1, 0, withheld=False, authorities_withheld=0))
    told = metrics.exposition().decode()
    shard = 'shard="func_governance"'
    for line in (
        f"gridtokenx_epoch{{{shard}}} 7.0",  # the last that was known
        f"gridtokenx_proposers_resting{{{shard}}} 0.0",
        f"gridtokenx_failed_rounds_total{{{shard}}} 4.0",
        f"gridtokenx_late_precommits_total{{{shard}}} 5.0",
        f'gridtokenx_reveals_withheld_total{{by="proposer",{shard}}} 1.0',
        f'gridtokenx_reveals_withheld_total{{by="authority",{shard}}} 1.0',
    ):
        assert line in told
