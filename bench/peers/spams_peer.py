"""SPAMS: its homotopy for the lasso, its orthogonal matching pursuit (Mairal, Bach, Ponce, Sapiro).

It wants samples and atoms as columns in Fortran's order, and states the same objective as we do: mode 2 is
½‖x − Da‖² + λ₁‖a‖₁. In float32, which it takes, codes come back certified like everybody's; for gaps that float32 cannot
certify it gets float64.
"""
from importlib import metadata

import numpy as np
import spams

from peer import FINE, WITH_GRAM, Peer

PENALTY_MODE = 2
DISTRIBUTIONS = ("spams", "spams-bin", "python-spams")


def version():
    if hasattr(spams, "__version__"):
        return str(spams.__version__)
    for name in DISTRIBUTIONS:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return "of unknown version"


VERSION = version()


def columns(rows, number):
    return np.asfortranarray(rows.T, dtype=number)


def dense(codes):
    """Its features × samples sparse columns as rows of samples."""
    return codes.T.toarray()


def lasso(gram):
    def setup(work, gap):
        number = np.float64 if gap < FINE else np.float32
        atoms = columns(work.atoms, number)
        options = {"lambda1": work.penalty, "mode": PENALTY_MODE, "pos": work.nonnegative, "numThreads": 1}
        if gram:
            table = np.asfortranarray(work.gram(number))

            def solve(samples):
                x = columns(samples, number)
                return dense(spams.lasso(x, Q=table, q=np.asfortranarray(atoms.T @ x), **options))

            return solve
        return lambda samples: dense(spams.lasso(columns(samples, number), D=atoms, **options))

    return setup


def omp(work, gap):
    atoms = columns(work.atoms, np.float32)
    return lambda samples: dense(spams.omp(columns(samples, np.float32), atoms, L=work.sparsity, numThreads=1))


PEERS = {
    "spams lasso": Peer({WITH_GRAM: lasso(True), "without Gram": lasso(False)}, kind="convex", whole=True),
    # Its own Gram matrix in every call: there is no way to hand it one.
    "spams omp": Peer({"with a Gram of its own in each call": omp}, kind="greedy", whole=True),
}
