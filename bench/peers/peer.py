"""What a peer offers: variants of one method, of which the faster is kept."""
from dataclasses import dataclass
from typing import Callable, Mapping

WITH_GRAM = "with Gram"  # the variant left out where D·Dᵀ would not fit
FINE = 2e-6  # gaps that float32 cannot certify reliably: a method that can then works in float64


@dataclass(frozen=True)
class Peer:
    # name of the variant → setup(workload, gap), which returns solve(samples) → dense codes
    variants: Mapping[str, Callable]
    # "convex": has a duality gap, that is, can be asked for one; "greedy": a support of the true size;
    # "topk": solve returns the indices of the strongest correlations instead of codes
    kind: str
    # needs a batch of samples to be at its best; others go sample by sample
    batched: bool = False
    # spends a fixed time a call, so that only all samples of a workload show what one costs
    whole: bool = False
