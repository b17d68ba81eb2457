"""Steps of training sparse autoencoders in PyTorch on one thread, as the literature has them: b_dec taken from the input, Adam, decoder rows
without the gradient along them and of norm 1 after each step. TopK in two variants, of which the faster is kept: with dense codes, and with codes
that are decoded sparsely. Both get their dense gradient of the encoder from one product.
"""
import time

import numpy as np
import torch
from torch.nn.functional import embedding_bag

PROBES = 2  # steps of each variant, after one that is not timed


def top_codes(before, k):
    values, indices = before.topk(k, dim=1, sorted=False)
    return values.relu(), indices


def topk_dense(before, decoder, k, penalty):
    values, indices = top_codes(before, k)
    codes = torch.zeros_like(before).scatter(1, indices, values)
    return codes @ decoder, 0


def topk_sparse(before, decoder, k, penalty):
    values, indices = top_codes(before, k)
    return embedding_bag(indices, decoder, per_sample_weights=values, mode="sum"), 0


def relu(before, decoder, k, penalty):
    codes = before.relu()
    return codes @ decoder, penalty * codes.sum(dim=1).mean()


VARIANTS = {"topk": {"dense codes": topk_dense, "sparse decoding": topk_sparse}, "relu": {"": relu}}
# What a foreach Adam is worth depends on the release.
ADAMS = {"Adam": False, "Adam, foreach": True}


def trainer(batches, directions, forward, foreach, command):
    """A function that does one step, each on the next batch."""
    decoder = torch.nn.Parameter(directions.clone())
    encoder = torch.nn.Parameter(directions.clone())
    encoder_bias = torch.nn.Parameter(torch.zeros(len(directions)))
    decoder_bias = torch.nn.Parameter(torch.zeros(directions.shape[1]))
    parameters = [encoder, decoder, encoder_bias, decoder_bias]
    adam = torch.optim.Adam(parameters, lr=command["learningRate"], foreach=foreach)
    taken = 0

    def step():
        nonlocal taken
        x = batches[taken % len(batches)]
        taken += 1
        before = torch.addmm(encoder_bias, x - decoder_bias, encoder.T)
        output, price = forward(before, decoder, command["k"], command["lambda"])
        loss = (output + decoder_bias - x).square().sum(dim=1).mean() / 2 + price
        adam.zero_grad(set_to_none=True)
        loss.backward()
        with torch.no_grad():
            along = (decoder.grad * decoder).sum(dim=1, keepdim=True)
            decoder.grad.addcmul_(along, decoder, value=-1)
            adam.step()
            decoder.div_(decoder.norm(dim=1, keepdim=True))

    return step


def timed(step, steps):
    started = time.perf_counter()
    for _ in range(steps):
        step()
    return {"seconds": (time.perf_counter() - started) / steps}


def prepare(work, command):
    """A function that times so many steps of the fastest way, and what that is called."""
    torch.set_num_threads(1)
    with torch.enable_grad():
        samples = np.fromfile(command["samples"], np.float32).reshape(-1, work.atoms.shape[1])
        batches = torch.from_numpy(samples).split(command["batch"])
        directions = torch.from_numpy(work.atoms)
        fastest = None
        for label, forward in VARIANTS[command["architecture"]].items():
            for adam, foreach in ADAMS.items():
                step = trainer(batches, directions, forward, foreach, command)
                step()
                seconds = timed(step, PROBES)["seconds"]
                if fastest is None or seconds < fastest[0]:
                    fastest = (seconds, step, ", ".join(part for part in (label, adam) if part))
    _, step, variant = fastest

    def run(steps):
        with torch.enable_grad():
            return timed(step, steps)

    return run, {"variant": variant}
