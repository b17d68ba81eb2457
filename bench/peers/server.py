"""Peer process of the benchmark: reads one JSON command a line from stdin, answers one JSON line each on stdout.

The caller sets OPENBLAS_NUM_THREADS and friends; only this process's own clock times what it runs.
"""
import ctypes
import importlib
import json
import os
import platform
import sys
import time

import numpy as np

from peer import WITH_GRAM
from workload import Workload

PROBE_SAMPLES = 5  # solved to estimate the time a sample of each variant
HOPELESS = 4  # a variant so many times slower than another on its first sample is not probed further
FEWEST = 20  # samples timed of a method that goes sample by sample
FEWEST_IN_A_BATCH = 200  # and of one that needs a batch to be at its best
# What a peer is called, and the module here that knows it.
MODULES = (("scikit-learn", "scikit"), ("torch", "fista_torch"), ("spams", "spams_peer"))
MOST_TIGHTENINGS = 3
MOST_FEATURES_WITH_GRAM = 20_000  # D·Dᵀ of more is left out: over 1.6 GB in float32


def openblas():
    """Version, kernel family and threads of the OpenBLAS that numpy has loaded; None if it has another BLAS."""
    np.ones((2, 2), np.float32) @ np.ones((2, 2), np.float32)
    try:
        with open("/proc/self/maps") as maps:
            path = next(line.split()[-1] for line in maps if "libopenblas" in line)
        library = ctypes.CDLL(path)
        for name in ("openblas_get_corename", "openblas_get_config"):
            getattr(library, name).restype = ctypes.c_char_p
        config = library.openblas_get_config().decode().split()
        return {
            "version": config[1],
            "core": library.openblas_get_corename().decode(),
            "threads": library.openblas_get_num_threads(),
        }
    except (OSError, StopIteration, AttributeError):
        return None


class Server:
    def __init__(self):
        self.peers = {}
        self.ready = {}
        self.work = None
        self.out = None

    def hello(self, command):
        versions = {"python": platform.python_version(), "numpy": np.__version__}
        missing = {}
        modules = () if command["bare"] else MODULES
        for name, module in modules:
            try:
                loaded = importlib.import_module(module)
                versions[name] = loaded.VERSION
                self.peers.update(loaded.PEERS)
            except ImportError as error:
                missing[name] = str(error)
        peers = [{"name": name, "kind": peer.kind} for name, peer in self.peers.items()]
        return {"versions": versions, "openblas": openblas(), "missing": missing, "peers": peers}

    def load(self, command):
        self.ready = {}
        self.work = Workload(command)
        self.out = np.empty((len(self.work.samples), len(self.work.atoms)), np.float32)
        self.sgemm(command)  # touches the buffer's pages
        return {}

    def sgemm(self, _):
        started = time.perf_counter()
        np.matmul(self.work.samples, self.work.atoms.T, out=self.out)
        return {"seconds": time.perf_counter() - started}

    def prepare(self, command):
        """Sets a peer up, keeps its faster variant, chooses how many samples fit the budget, certifies its codes."""
        peer = self.peers[command["peer"]]
        trials = []
        for label, setup in peer.variants.items():
            if label == WITH_GRAM and len(self.work.atoms) > MOST_FEATURES_WITH_GRAM:
                continue
            started = time.perf_counter()
            solve = setup(self.work, self.work.tolerance)
            trial = {"label": label, "solve": solve, "setup": time.perf_counter() - started}
            trial["probe"] = self._time(solve, 1)
            if all(trial["probe"] < HOPELESS * other["probe"] for other in trials):
                trial["probe"] = self._time(solve, PROBE_SAMPLES) / PROBE_SAMPLES
            trials.append(trial)
        best = min(trials, key=lambda trial: trial["probe"])
        affordable = int(command["budget"] / best["probe"])
        fewest = min(command["fewest"], FEWEST_IN_A_BATCH if peer.batched else FEWEST)
        count = len(self.work.samples) if peer.whole else min(len(self.work.samples), max(fewest, affordable))
        solve, certificate = self._certified(peer, best, count)
        self.ready[command["peer"]] = (solve, count)
        return {"samples": count, "variant": best["label"], "setupSeconds": best["setup"], **certificate}

    def _certified(self, peer, trial, count):
        """Solves and certifies. A convex peer whose own float32 gap was too kind is asked for a smaller one."""
        solve, gap = trial["solve"], self.work.tolerance
        answer = solve(self.work.samples[:count])
        if peer.kind == "topk":
            return solve, self.work.certify_top(answer)
        certificate = self.work.certify(answer, peer.kind == "greedy")
        for _ in range(MOST_TIGHTENINGS):
            if peer.kind != "convex" or max(certificate["gap"]) <= self.work.tolerance:
                break
            gap /= 2
            tighter = peer.variants[trial["label"]](self.work, gap)
            attempt = self.work.certify(tighter(self.work.samples[:count]))
            if max(attempt["gap"]) >= max(certificate["gap"]):
                break  # it can do no better
            solve, certificate = tighter, attempt
        return solve, certificate

    def run(self, command):
        solve, count = self.ready[command["peer"]]
        return {"seconds": self._time(solve, count)}

    def certify(self, command):
        return self.work.certify(self.work.dense(command), command["greedy"])

    def certify_top(self, command):
        indices = np.fromfile(command["indices"], dtype=np.uint32)
        return self.work.certify_top(indices.reshape(len(self.work.samples), -1))

    def learn(self, command):
        columns = command["dims"]
        samples, initial = (np.fromfile(command[k], np.float32).reshape(-1, columns) for k in ("samples", "initial"))
        scikit = importlib.import_module("scikit")
        seconds, atoms = scikit.learn(samples, initial, command["lambda"], command["batch"], command["steps"])
        return {"seconds": seconds, "atoms": atoms.ravel().tolist()}

    def prepare_training(self, command):
        self.training, answer = importlib.import_module("autoencoder_torch").prepare(self.work, command)
        return answer

    def train(self, command):
        return self.training(command["steps"])

    def _time(self, solve, count):
        samples = self.work.samples[:count]
        started = time.perf_counter()
        solve(samples)
        return time.perf_counter() - started


def main():
    server = Server()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nothing a peer prints, compiled ones too, may mix with the answers
    names = ("hello", "load", "sgemm", "prepare", "run", "certify", "certify_top", "learn", "prepare_training", "train")
    commands = {name: getattr(server, name) for name in names}
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = {"ok": True, **commands[command["command"]](command)}
        except Exception as error:  # the caller decides what a failed peer means
            answer = {"ok": False, "error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


main()
