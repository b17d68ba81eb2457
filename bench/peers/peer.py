"""What a peer offers: variants of one method, of which the faster is kept."""
from dataclasses import dataclass
from typing import Callable, Mapping


@dataclass(frozen=True)
class Peer:
    # name of the variant → setup(workload, gap), which returns solve(samples) → dense codes
    variants: Mapping[str, Callable]
    # has a duality gap, that is, can be asked for one
    convex: bool
    # needs a batch of samples to be at its best; others go sample by sample
    batched: bool = False
