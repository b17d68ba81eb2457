"""Stands in for SPAMS where it is not installed: its two functions that the benchmark calls, by the signatures and shapes that SPAMS
documents, on small problems. What it says goes to the process's standard output
past Python, as what a compiled module prints does.
"""
import os

import numpy as np
import scipy.sparse

__version__ = "stand-in"
SWEEPS = 300

os.write(1, b"spams: a stand-in\n")


def checked(matrix, name):
    if not (isinstance(matrix, np.ndarray) and matrix.ndim == 2 and matrix.flags.f_contiguous):
        raise TypeError(f"{name} must be a matrix in Fortran's order")
    return matrix.astype(np.float64)


def lasso(X, D=None, Q=None, q=None, lambda1=None, mode=2, pos=False, numThreads=-1):
    if mode != 2 or lambda1 is None:
        raise ValueError("mode 2 with lambda1 only")
    X = checked(X, "X")
    Q, q = (checked(Q, "Q"), checked(q, "q")) if Q is not None else (D.T @ D, checked(D, "D").T @ X)
    A = np.zeros(q.shape)
    for _ in range(SWEEPS):
        for j in range(len(Q)):
            free = q[j] - Q[j] @ A + Q[j, j] * A[j]
            size = np.maximum((free if pos else np.abs(free)) - lambda1, 0) / Q[j, j]
            A[j] = np.sign(free) * size
    return scipy.sparse.csc_matrix(A)


def omp(X, D, L=None, eps=None, lambda1=None, return_reg_path=False, numThreads=-1):
    X, D = checked(X, "X"), checked(D, "D")
    A = np.zeros((D.shape[1], X.shape[1]))
    for i, x in enumerate(X.T):
        chosen, r = [], x
        for _ in range(L):
            chosen.append(int(np.abs(D.T @ r).argmax()))
            values = np.linalg.lstsq(D[:, chosen], x, rcond=None)[0]
            r = x - D[:, chosen] @ values
        A[chosen, i] = values
    return scipy.sparse.csc_matrix(A)
