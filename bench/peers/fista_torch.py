"""FISTA in PyTorch on one thread, as a careful user would write it: all samples as one batch, step 1/L with the exact
Lipschitz constant found beforehand, gradient restart a sample (O'Donoghue & Candès), the duality gap checked rarely,
finished samples taken out of the batch at each check. And the encoder of a TopK autoencoder: one product, then topk.
"""
import time

import numpy as np
import torch

from peer import Peer

VERSION = torch.__version__
MOST_STEPS = 20_000
STEPS_PER_CHECK = 20
# Gaps near the rounding error of float32 may never be reached: so many checks without progress end a call, or so long.
MOST_STALE_CHECKS = 20
PROGRESS = 0.99
MOST_SECONDS = 30
CHECK_MARGIN = 0.98  # the float32 gap may err; what counts is the float64 certificate

torch.set_num_threads(1)
torch.set_grad_enabled(False)


def shrink(values, threshold, nonnegative):
    return torch.relu(values - threshold) if nonnegative else torch.nn.functional.softshrink(values, threshold)


def relative_gap(x, codes, atoms, penalty, nonnegative):
    r = x - codes @ atoms
    correlations = r @ atoms.T
    largest = (correlations if nonnegative else correlations.abs()).amax(dim=1).clamp_min(1e-30).double()
    l1 = codes.double().abs().sum(dim=1)
    x, r = x.double(), r.double()
    energy = (r * r).sum(dim=1)
    bound = penalty / largest
    scale = torch.minimum((x * r).sum(dim=1) / energy, bound)
    scale = scale if nonnegative else torch.maximum(scale, -bound)
    at_zero = 0.5 * (x * x).sum(dim=1)
    away = x - scale[:, None] * r
    dual = at_zero - 0.5 * (away * away).sum(dim=1)
    return (0.5 * energy + penalty * l1 - dual) / at_zero


def setup(work, gap):
    atoms = torch.from_numpy(work.atoms)
    curvature = float(np.linalg.eigvalsh((work.atoms.T @ work.atoms).astype(np.float64)).max())
    step = 1 / curvature

    def solve(samples):
        deadline = time.perf_counter() + MOST_SECONDS
        x = torch.from_numpy(samples)
        answer = torch.zeros(len(samples), len(atoms))
        rows = torch.arange(len(samples))
        codes = torch.zeros_like(answer)
        ahead = codes
        t = torch.ones(len(samples), 1)
        lowest, stale = float("inf"), 0
        for done in range(1, MOST_STEPS + 1):
            gradient = torch.addmm(x, ahead, atoms, beta=-1) @ atoms.T
            new = shrink(torch.add(ahead, gradient, alpha=-step), step * work.penalty, work.nonnegative)
            change = new - codes
            restart = ((ahead - new) * change).sum(dim=1, keepdim=True) > 0
            t_new = (1 + torch.sqrt(1 + 4 * t * t)) / 2
            momentum = torch.where(restart, torch.zeros_like(t), (t - 1) / t_new)
            t = torch.where(restart, torch.ones_like(t), t_new)
            ahead = torch.addcmul(new, momentum, change)
            codes = new
            if done % STEPS_PER_CHECK == 0:
                gaps = relative_gap(x, codes, atoms, work.penalty, work.nonnegative)
                open_rows = gaps > CHECK_MARGIN * gap
                answer[rows] = codes
                worst = float(gaps.max())
                stale = 0 if worst < PROGRESS * lowest or not open_rows.all() else stale + 1
                lowest = min(lowest, worst)
                given_up = stale >= MOST_STALE_CHECKS or time.perf_counter() > deadline
                if not open_rows.any() or given_up:
                    break
                if open_rows.sum() < len(rows):
                    x, codes, ahead = x[open_rows], codes[open_rows], ahead[open_rows]
                    t, rows = t[open_rows], rows[open_rows]
        return answer.numpy()

    return solve


def top(relu):
    def setup(work, gap):
        atoms = torch.from_numpy(work.atoms).T
        buffer = torch.empty(len(work.samples), len(work.atoms))

        def solve(samples):
            scores = torch.mm(torch.from_numpy(samples), atoms, out=buffer[: len(samples)])
            kept = torch.topk(scores.relu_() if relu else scores, work.top, dim=1, sorted=False)
            return kept.indices.numpy()

        return solve

    return setup


PEERS = {
    "torch fista": Peer({"": setup}, kind="convex", batched=True),
    "torch topk": Peer({"relu, topk": top(True), "topk": top(False)}, kind="topk", batched=True),
}
