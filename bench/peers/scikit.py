"""scikit-learn's coordinate descent, LARS and orthogonal matching pursuit.

Each is offered with and without a precomputed Gram matrix; the server times both and keeps the faster.
scikit-learn's Lasso minimises 1/(2·dims)‖·‖² + α‖a‖₁, so α = λ/dims.
"""
import time

import numpy as np
import sklearn
from sklearn.decomposition import MiniBatchDictionaryLearning, sparse_encode
from sklearn.linear_model import Lasso, LassoLars, orthogonal_mp

from peer import FINE, WITH_GRAM, Peer

VERSION = sklearn.__version__
MOST_EPOCHS = 100_000
MOST_LARS_STEPS = 4_000


def lasso_cd(gram):
    def setup(work, gap):
        dims = work.atoms.shape[1]
        number = np.float64 if gap < FINE else np.float32
        # Lasso stops at gap ≤ tol·‖x‖²; our gaps are relative to ½‖x‖².
        model = Lasso(
            alpha=work.penalty / dims,
            fit_intercept=False,
            precompute=work.gram(number) if gram else False,
            tol=gap / 2,
            max_iter=MOST_EPOCHS,
            positive=work.nonnegative,
            selection="cyclic",
        )
        atoms = work.atoms.T.astype(number, order="F")
        return lambda samples: model.fit(atoms, samples.T.astype(number, order="F")).coef_.reshape(len(samples), -1)

    return setup


def lasso_lars(gram):
    def setup(work, gap):
        dims = work.atoms.shape[1]
        model = LassoLars(
            alpha=work.penalty / dims,
            fit_intercept=False,
            precompute=work.gram() if gram else False,
            max_iter=MOST_LARS_STEPS,
            positive=work.nonnegative,
            fit_path=False,
            verbose=False,
        )
        atoms = work.atoms.T.copy(order="F")
        return lambda samples: model.fit(atoms, samples.T).coef_.reshape(len(samples), -1)

    return setup


def omp(gram):
    def setup(work, gap):
        if gram:
            table = work.gram()
            return lambda samples: sparse_encode(
                samples, work.atoms, gram=table, algorithm="omp", n_nonzero_coefs=work.sparsity, check_input=False
            )
        atoms = work.atoms.T.copy(order="F")
        return lambda samples: orthogonal_mp(atoms, samples.T, n_nonzero_coefs=work.sparsity).reshape(
            atoms.shape[1], -1
        ).T

    return setup


def both(method):
    return {WITH_GRAM: method(True), "without Gram": method(False)}


PEERS = {
    "sklearn lasso_cd": Peer(both(lasso_cd), kind="convex"),
    "sklearn lasso_lars": Peer(both(lasso_lars), kind="convex"),
    "sklearn omp": Peer(both(omp), kind="greedy"),
}


def learn(samples, initial, penalty, batch, steps):
    """Online dictionary learning over `steps` batches in order; returns the seconds and the atoms."""
    model = MiniBatchDictionaryLearning(
        n_components=len(initial), alpha=penalty, batch_size=batch, dict_init=initial, fit_algorithm="cd", random_state=0
    )
    batches = [samples[i : i + batch] for i in range(0, len(samples), batch)]
    started = time.perf_counter()
    for step in range(steps):
        model.partial_fit(batches[step % len(batches)])
    return time.perf_counter() - started, model.components_
