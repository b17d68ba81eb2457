"""The workload a peer works on, read from the same float32 files that the library gets, and the judge of its codes."""
import numpy as np

CHUNK = 100  # samples certified at once: bounds the float64 memory


class Workload:
    def __init__(self, spec):
        self.atoms = np.fromfile(spec["atoms"], dtype=np.float32).reshape(spec["features"], spec["dims"])
        self.samples = np.fromfile(spec["samples"], dtype=np.float32).reshape(-1, spec["dims"])
        self.penalty = float(spec["lambda"])
        self.nonnegative = bool(spec["nonnegative"])
        self.sparsity = int(spec["active"])
        self.tolerance = float(spec["tolerance"])
        self._gram = None

    @property
    def gram(self):
        """D·Dᵀ, made once for all peers that ask; its time is set-up, not solving."""
        if self._gram is None:
            self._gram = self.atoms @ self.atoms.T
        return self._gram

    def certify(self, codes):
        """Objective, duality gap relative to ½‖x‖², relative residual and nonzeros of each row, in float64.

        The dual point is s·r with s = clip(x·r/‖r‖², ±λ/max|d_j·r|); nonnegative codes have the upper bound only.
        """
        parts = [self._certify_rows(i, codes[i : i + CHUNK]) for i in range(0, codes.shape[0], CHUNK)]
        return {key: np.concatenate([part[key] for part in parts]).tolist() for key in parts[0]}

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
        values = np.fromfile(spec["values"], dtype=np.float32)
        codes = np.zeros((indptr.size - 1, self.atoms.shape[0]), dtype=np.float32)
        rows = np.repeat(np.arange(indptr.size - 1), np.diff(indptr))
        codes[rows, indices] = values
        return codes
