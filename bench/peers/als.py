"""The peer of `bench:recommender`: a biased factorization by alternating least squares, as one writes it in NumPy.

    als.py DATA RANK RIDGE ENTRY_RIDGE BIAS_RIDGE SWEEPS TOLERANCE

DATA holds, in the machine's own order: int32 m, n, and of known and test entries the numbers; then of each of the two parts
int32 rows, int32 columns, float64 values, sorted by rows. Each row solves (F'F + ridges) w = F'(z - mean - c) for its factors
and its bias, F the factors of its columns and ones, with ENTRY_RIDGE more on the factors for each entry; then each column likewise. It ends with the sweep that changes the cost by
less than TOLERANCE of it, or after SWEEPS. One line is printed: test RMSE, processor seconds of the fit, sweeps.
"""
import sys
import time

import numpy as np

data, rank, ridge, entry_ridge, bias_ridge, most, tolerance = sys.argv[1], *map(float, sys.argv[2:])
rank, most = int(rank), int(most)
with open(data, "rb") as file:
    m, n, known, test = np.fromfile(file, np.int32, 4)
    parts = [[np.fromfile(file, kind, count) for kind in (np.int32, np.int32, np.float64)] for count in (known, test)]
rows, columns, values = parts[0]

begun = time.process_time()
mean = values.mean()
k = rank + 1
ridges, per_entry = np.diag([ridge] * rank + [bias_ridge]), np.diag([entry_ridge] * rank + [0])
order = np.argsort(columns, kind="stable")
sides = [
    (np.searchsorted(rows, np.arange(m + 1)), columns, values - mean),
    (np.searchsorted(columns[order], np.arange(n + 1)), rows[order], values[order] - mean),
]
random = np.random.default_rng(0)
U, V = np.zeros((m, k)), np.zeros((n, k))
V[:, :rank] = random.normal(size=(n, rank)) * np.sqrt(values.std() / np.sqrt(rank))


def solve(side, beside, own):
    """Solves for all rows of a side; returns the fitted part of the cost."""
    pointers, indices, targets = side
    features = beside.copy()
    features[:, rank] = 1
    cost = 0
    for i in range(len(own)):
        begin, end = pointers[i], pointers[i + 1]
        if begin == end:
            continue
        around = indices[begin:end]
        F = features[around]
        t = targets[begin:end] - beside[around, rank]
        r = F.T @ t
        own[i] = np.linalg.solve(F.T @ F + ridges + (end - begin) * per_entry, r)
        cost += t @ t - r @ own[i]
    return cost


before, sweeps = np.inf, 0
while sweeps < most:
    solve(sides[0], V, U)
    cost = solve(sides[1], U, V) + (U**2 @ np.diag(ridges)).sum() + np.diff(sides[0][0]) @ (U**2 @ np.diag(per_entry))
    sweeps += 1
    if abs(before - cost) <= tolerance * cost:
        break
    before = cost
seconds = time.process_time() - begun

rows, columns, values = parts[1]
predicted = mean + U[rows, rank] + V[columns, rank] + np.einsum("ep,ep->e", U[rows, :rank], V[columns, :rank])
print(np.sqrt(np.mean((values - predicted) ** 2)), seconds, sweeps)
