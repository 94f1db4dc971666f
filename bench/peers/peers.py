"""The other side of the benchmarks: the same computations in NumPy and PyTorch, in float64 unless an input says otherwise.

Reads one JSON command a line and answers one JSON line each. Between commands it waits in a blocking read, so that it takes no
processor time while the other side is measured.

  {"do": "about"}
      -> {"numpy": {"version", "threads"}, "torch": {...}}; a library that cannot be imported is left out
  {"do": "prepare", "case", "kind", "inputs": [{"file", "shape", "dtype"?}]}
      -> {"libraries": [...]}: those that have this kind
  {"do": "run", "case", "library", "repeat"}
      -> {"seconds": mean of `repeat` calls}
  {"do": "results", "case", "library", "files": [...]}
      -> {"shapes": [...]}, after writing the results of one call, raw float64 in row-major order
"""
import json
import sys
import time

try:
    import numpy as np
except ImportError:
    print(json.dumps({"error": "NumPy is missing"}), flush=True)
    sys.exit(1)
try:
    import torch
except ImportError:
    torch = None


def three_svd_projection(A, B):
    """BaLoRA's projection as published: polar factors of A and B from one SVD each, SVD of the r-by-r product in the middle."""
    U_A, S_A, Vh_A = torch.linalg.svd(A, full_matrices=False)
    U_B, S_B, Vh_B = torch.linalg.svd(B, full_matrices=False)
    # A = R_A P_A and B = P_B R_B, with P symmetric.
    R_A, P_A = U_A @ Vh_A, (Vh_A.T * S_A) @ Vh_A
    R_B, P_B = U_B @ Vh_B, (U_B * S_B) @ U_B.T
    U, S, Vh = torch.linalg.svd(P_A @ P_B)
    root = S.sqrt()
    return R_A @ (U * root), (root[:, None] * Vh) @ R_B


KINDS = {
    "numpy": {
        "gemm": lambda a, b: a @ b,
        "svd": lambda a: np.linalg.svd(a, full_matrices=False),
        "eigh": lambda a: np.linalg.eigh(a),
    },
    "torch": {
        "gemm": lambda a, b: a @ b,
        "svd": lambda a: torch.linalg.svd(a, full_matrices=False),
        "eigh": lambda a: torch.linalg.eigh(a),
        "projection": three_svd_projection,
        # Batched products by which of their operands are transposed, as views.
        "matmul-nn": lambda a, b: a @ b,
        "matmul-tn": lambda a, b: a.mT @ b,
        "matmul-nt": lambda a, b: a @ b.mT,
        "matmul-tt": lambda a, b: a.mT @ b.mT,
    },
}
# On one thread PyTorch's factorizations of thin matrices can be quicker than on all: a comparison with its default alone would flatter us.
SINGLE = "torch, 1 thread"
KINDS[SINGLE] = KINDS["torch"]
if torch is None:
    del KINDS["torch"], KINDS[SINGLE]
else:
    ALL_THREADS = torch.get_num_threads()

cases = {}


def about():
    answer = {"numpy": {"version": np.__version__, "threads": numpy_threads()}}
    if torch is not None:
        answer["torch"] = {"version": torch.__version__, "threads": ALL_THREADS}
        answer[SINGLE] = {"version": torch.__version__, "threads": 1}
    return answer


def numpy_threads():
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return None
    pools = [pool for pool in threadpool_info() if "numpy" in pool["filepath"]]
    return pools[0]["num_threads"] if pools else None


def prepare(case, kind, inputs):
    arrays = [np.fromfile(item["file"], dtype=item.get("dtype", "float64")).reshape(item["shape"]) for item in inputs]
    cases[case] = {}
    for library, kinds in KINDS.items():
        if kind in kinds:
            values = [torch.from_numpy(a) for a in arrays] if library.startswith("torch") else arrays
            cases[case][library] = (kinds[kind], values)
    return {"libraries": list(cases[case])}


def run(case, library, repeat):
    function, values = cases[case][library]
    if library.startswith("torch"):
        torch.set_num_threads(1 if library == SINGLE else ALL_THREADS)
    start = time.perf_counter()
    for _ in range(repeat):
        function(*values)
    return {"seconds": (time.perf_counter() - start) / repeat}


def results(case, library, files):
    function, values = cases[case][library]
    arrays = [np.ascontiguousarray(np.asarray(result)) for result in function(*values)]
    for array, file in zip(arrays, files):
        array.tofile(file)
    return {"shapes": [list(array.shape) for array in arrays]}


COMMANDS = {"about": about, "prepare": prepare, "run": run, "results": results}

for line in sys.stdin:
    command = json.loads(line)
    name = command.pop("do")
    print(json.dumps(COMMANDS[name](**command)), flush=True)
