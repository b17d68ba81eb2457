"""The workload a peer works on, read from the same float32 files that the library gets, and the judge of its codes."""
import numpy as np

CHUNK = 100  # samples certified at once: bounds the float64 memory
REFERENCE_SAMPLES = 20  # whose supports are compared with those of OMP in float64


def omp_supports(x, atoms, sparsity):
    """Orthogonal matching pursuit as the textbook has it, in float64: the set of atoms of each row of x."""
    atoms, x = atoms.astype(np.float64), x.astype(np.float64)
    supports, residual = [[] for _ in x], x.copy()
    for _ in range(sparsity):
        scores = np.abs(residual @ atoms.T)
        for i, support in enumerate(supports):
            scores[i, support] = 0
            support.append(int(scores[i].argmax()))
            chosen = atoms[support].T
            residual[i] = x[i] - chosen @ np.linalg.lstsq(chosen, x[i], rcond=None)[0]
    return [set(support) for support in supports]


class Workload:
    def __init__(self, spec):
        self.atoms = np.fromfile(spec["atoms"], dtype=np.float32).reshape(spec["features"], spec["dims"])
        self.samples = np.fromfile(spec["samples"], dtype=np.float32).reshape(-1, spec["dims"])
        self.penalty = float(spec["lambda"])
        self.nonnegative = bool(spec["nonnegative"])
        self.sparsity = int(spec["active"])
        self.tolerance = float(spec["tolerance"])
        self.top = int(spec["top"])
        self._gram = {}
        self._supports = None

    def gram(self, number=np.float32):
        """D·Dᵀ, made once for all peers that ask; its time is set-up, not solving."""
        if number not in self._gram:
            atoms = self.atoms.astype(number, copy=False)
            self._gram[number] = atoms @ atoms.T
        return self._gram[number]

    def certify(self, codes, greedy=False):
        """Objective, duality gap relative to ½‖x‖², relative residual and nonzeros of each row, in float64.

        The dual point is s·r with s = clip(x·r/‖r‖², ±λ/max|d_j·r|); nonnegative codes have the upper bound only.
        """
        parts = [self._certify_rows(i, codes[i : i + CHUNK]) for i in range(0, codes.shape[0], CHUNK)]
        answer = {key: np.concatenate([part[key] for part in parts]).tolist() for key in parts[0]}
        if greedy and not self.nonnegative:
            if self._supports is None:
                self._supports = omp_supports(self.samples[:REFERENCE_SAMPLES], self.atoms, self.sparsity)
            answer["sameSupport"] = [set(np.flatnonzero(row)) == kept for row, kept in zip(codes, self._supports)]
        return answer

    def certify_top(self, indices):
        """Against the top-k in float64, ties by the lower index: whether each row's choice differs, and by how much its
        weakest choice falls short of the true k-th score, relative to that."""
        differs, shortfall = [], []
        atoms = self.atoms.astype(np.float64)
        for first in range(0, len(indices), CHUNK):
            chosen = np.sort(indices[first : first + CHUNK].astype(np.int64), axis=1)
            scores = self.samples[first : first + len(chosen)].astype(np.float64) @ atoms.T
            best = np.argsort(-scores, axis=1, kind="stable")[:, : chosen.shape[1]]
            last = np.take_along_axis(scores, best[:, -1:], axis=1)[:, 0]
            short = (last - np.take_along_axis(scores, chosen, axis=1).min(axis=1)) / np.abs(last)
            short[(np.diff(chosen, axis=1) == 0).any(axis=1)] = np.inf
            differs += (chosen != np.sort(best, axis=1)).any(axis=1).tolist()
            shortfall += short.clip(0, np.finfo(np.float64).max).tolist()
        return {"differs": differs, "shortfall": shortfall}

    def _certify_rows(self, first, codes):
        atoms = self.atoms.astype(np.float64)
        codes = np.asarray(codes, dtype=np.float64)
        x = self.samples[first : first + codes.shape[0]].astype(np.float64)
        r = x - codes @ atoms
        energy = (r * r).sum(axis=1)
        correlations = r @ atoms.T
        largest = (correlations if self.nonnegative else np.abs(correlations)).max(axis=1)
        bound = np.where(largest > 0, self.penalty / np.where(largest > 0, largest, 1), np.inf)
        scale = (x * r).sum(axis=1) / np.where(energy > 0, energy, 1)
        scale = np.minimum(scale, bound) if self.nonnegative else np.clip(scale, -bound, bound)
        at_zero = 0.5 * (x * x).sum(axis=1)
        primal = 0.5 * energy + self.penalty * np.abs(codes).sum(axis=1)
        away = x - scale[:, None] * r
        dual = at_zero - 0.5 * (away * away).sum(axis=1)
        if self.nonnegative and codes.min(initial=0) < 0:
            primal = np.full_like(primal, np.inf)
        return {
            "objective": primal,
            "gap": (primal - dual) / at_zero,
            "residual": np.sqrt(energy / (2 * at_zero)),
            "nonzeros": (codes != 0).sum(axis=1),
        }

    def dense(self, spec):
        """Codes of the library, from files in compressed sparse rows."""
        indptr = np.fromfile(spec["indptr"], dtype=np.uint32)
        indices = np.fromfile(spec["indices"], dtype=np.uint32)
        values = np.fromfile(spec["values"], dtype=spec["number"])
        codes = np.zeros((indptr.size - 1, self.atoms.shape[0]), dtype=spec["number"])
        rows = np.repeat(np.arange(indptr.size - 1), np.diff(indptr))
        codes[rows, indices] = values
        return codes
