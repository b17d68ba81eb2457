"""What PyTorch takes on a GPU for what bench/cuda.ts times: the product in float16 and bfloat16, the product and topk, the iterations of
FISTA, a step of a TopK autoencoder with Adam. Seconds by the device's own clock, the median of several runs. The last line is JSON.
"""
import json
import statistics
import sys

import torch

BATCH, DIMS, ACTIVE = 4096, 1024, 64
FEATURES = (16384, 65536, 262144)
RUNS, WARM = 15, 5

torch.backends.cuda.matmul.allow_tf32 = False


def seconds(work, runs=RUNS):
    for _ in range(WARM):
        work()
    times = []
    for _ in range(runs):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        work()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end) / 1000)
    return {"median": statistics.median(times), "least": min(times), "most": max(times), "runs": runs}


def unit_rows(features, dims):
    rows = torch.randn(features, dims, device="cuda")
    return rows / rows.norm(dim=1, keepdim=True)


def fista_steps(x, atoms, steps, penalty):
    """`steps` iterations in bfloat16 products with float32 codes, as FISTA is usually written; what they cost, not what they reach."""
    low, step = atoms.bfloat16(), 0.1
    codes = torch.zeros(x.shape[0], atoms.shape[0], device="cuda")
    point = codes
    momentum = 1.0
    for _ in range(steps):
        residual = (x - (point.bfloat16() @ low).float()).bfloat16()
        following = torch.nn.functional.softshrink(point + step * (residual @ low.T).float(), step * penalty)
        following_momentum = (1 + (1 + 4 * momentum * momentum) ** 0.5) / 2
        point = following + (momentum - 1) / following_momentum * (following - codes)
        codes, momentum = following, following_momentum
    return codes


def autoencoder_step(x, features):
    encoder = torch.nn.Parameter(unit_rows(features, DIMS))
    decoder = torch.nn.Parameter(encoder.detach().clone())
    adam = torch.optim.Adam([encoder, decoder], lr=1e-4, fused=True)

    def step():
        with torch.autocast("cuda", dtype=torch.bfloat16):
            values, indices = (x @ encoder.T).topk(ACTIVE, dim=1)
            codes = torch.zeros(x.shape[0], features, device="cuda", dtype=values.dtype).scatter(1, indices, values)
            loss = ((codes @ decoder).float() - x).square().mean()
        loss.backward()
        adam.step()
        adam.zero_grad(set_to_none=True)

    return step


def dense_products(x, atoms, dtype):
    """The five products of a step of an autoencoder that is computed densely: codes, samples again, and what three gradients are made of."""
    low, rows = x.to(dtype), atoms.to(dtype)
    codes = low @ rows.T

    def five():
        low @ rows.T  # codes
        codes @ rows  # samples again
        low @ rows.T  # by the codes
        codes.T @ low  # by the decoder
        codes.T @ low  # by the encoder

    return five


def dense_adam(features):
    parameters = [torch.nn.Parameter(unit_rows(features, DIMS)) for _ in range(2)]
    for one in parameters:
        one.grad = torch.randn_like(one)
    return torch.optim.Adam(parameters, lr=1e-4, fused=True).step


def measure(features):
    row = {"features": features, "dims": DIMS, "batch": BATCH}
    with torch.no_grad():
        atoms, x = unit_rows(features, DIMS), torch.randn(BATCH, DIMS, device="cuda")
        for name, dtype in (("bfloat16", torch.bfloat16), ("float16", torch.float16)):
            left, right = x.to(dtype), atoms.to(dtype)
            row[f"product {name}"] = seconds(lambda: left @ right.T)
        left, right = x.bfloat16(), atoms.bfloat16()
        row["product and topk"] = seconds(lambda: (left @ right.T).topk(ACTIVE, dim=1))
        row["five products float16"] = seconds(dense_products(x, atoms, torch.float16))
        torch.backends.cuda.matmul.allow_tf32 = True
        row["five products tf32"] = seconds(dense_products(x, atoms, torch.float32))
        torch.backends.cuda.matmul.allow_tf32 = False
        row["ten steps of FISTA"] = seconds(lambda: fista_steps(x, atoms, 10, 0.1), runs=3)
    row["Adam of an autoencoder"] = seconds(dense_adam(features))
    row["step of a TopK autoencoder"] = seconds(autoencoder_step(x, features))
    return row


def main():
    rows = []
    for features in FEATURES:
        try:
            rows.append(measure(features))
        except torch.cuda.OutOfMemoryError as error:
            print(f"{features} features: {error}", file=sys.stderr)
            rows.append({"features": features, "skipped": "out of memory"})
        torch.cuda.empty_cache()
    about = {"torch": torch.__version__, "cuda": torch.version.cuda, "gpu": torch.cuda.get_device_name()}
    print(json.dumps({**about, "rows": rows}))


if __name__ == "__main__":
    main()
