"""PyTorch's side of `bench:projection`: BaLoRA's projection as published, three SVDs a module, float32, into tensors that are there already.

    projection.py THREADS TABLE

THREADS 0 keeps PyTorch's default. Reads one JSON command a line and answers one line each; between commands it waits in a blocking read.

  {"do": "about"}                                -> {"description"}, or {"reason"} where PyTorch is missing
  {"do": "prepare", "task": {m, n, rank, members}} -> {}
  {"do": "run"}                                  -> {"seconds", "computing", "processor", "peakMemory"}
  {"do": "results", "files": [A, B]}             -> {}, after writing the first module's factors, raw float32
"""
import json
import resource
import sys
import time

try:
    import numpy as np
    import torch
except ImportError as missing:
    for line in sys.stdin:
        print(json.dumps({"reason": str(missing)}), flush=True)
    sys.exit(0)

MEMBER_STRIDE = 7919
SECOND_FACTOR = 500_009
GRADING = 100

threads, table = int(sys.argv[1]), np.fromfile(sys.argv[2], dtype=np.float32)
if threads > 0:
    torch.set_num_threads(threads)
pairs, projected = [], []


def factors(m, n, rank, members):
    """The numbers of `projectionInputs` in bench/projection-cases.ts."""
    grades = (GRADING ** (-np.arange(rank) / max(1, rank - 1))).astype(np.float32)
    for member in range(members):
        A = table[(MEMBER_STRIDE * member + np.arange(m * rank)) % len(table)].reshape(m, rank) * grades
        B = table[(SECOND_FACTOR + MEMBER_STRIDE * member + np.arange(rank * n)) % len(table)].reshape(rank, n)
        yield torch.from_numpy(A), torch.from_numpy(B)


def three_svd_projection(A, B, out_A, out_B):
    """Polar factors of A and B from one SVD each, SVD of the r-by-r product in the middle. New memory for results would cost page faults."""
    U_A, S_A, Vh_A = torch.linalg.svd(A, full_matrices=False)
    U_B, S_B, Vh_B = torch.linalg.svd(B, full_matrices=False)
    # A = R_A P_A and B = P_B R_B, with P symmetric.
    R_A, P_A = U_A @ Vh_A, (Vh_A.T * S_A) @ Vh_A
    R_B, P_B = U_B @ Vh_B, (U_B * S_B) @ U_B.T
    U, S, Vh = torch.linalg.svd(P_A @ P_B)
    root = S.sqrt()
    torch.mm(R_A, U * root, out=out_A)
    torch.mm(root[:, None] * Vh, R_B, out=out_B)


def about():
    return {"description": f"torch {torch.__version__}, {torch.get_num_threads()} threads"}


def prepare(task):
    projected.clear()
    pairs[:] = factors(**task)
    projected[:] = [(torch.zeros_like(A), torch.zeros_like(B)) for A, B in pairs]
    return {}


def run():
    start, processor = time.perf_counter(), time.process_time()
    with torch.no_grad():
        for pair, out in zip(pairs, projected):
            three_svd_projection(*pair, *out)
    seconds, processor = time.perf_counter() - start, time.process_time() - processor
    # Kilobytes on Linux, bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return {"seconds": seconds, "computing": seconds, "processor": processor, "peakMemory": peak}


def results(files):
    for factor, file in zip(projected[0], files):
        factor.contiguous().numpy().tofile(file)
    return {}


COMMANDS = {"about": about, "prepare": prepare, "run": run, "results": results}

for line in sys.stdin:
    command = json.loads(line)
    name = command.pop("do")
    print(json.dumps(COMMANDS[name](**command)), flush=True)
