"""Reads files as NumPy and safetensors do, and compares arrays with the values that the library read, where these stand beside. Takes lines of a format, a tab and a path; answers each with a line of JSON: null, or why the file is refused."""

import json
import os
import sys


def load_npy(path):
    import numpy

    array = numpy.load(path, allow_pickle=False)
    if not os.path.exists(path + ".values"):
        return
    read = numpy.fromfile(path + ".values", "<f8")
    axes = int(read[0])
    shape = tuple(int(length) for length in read[1 : axes + 1])
    if shape != array.shape:
        raise ValueError(f"the shape is {array.shape}, the library read {shape}")
    ours, theirs = read[axes + 1 :], array.astype("<f8").ravel()
    if not numpy.array_equal(ours, theirs, equal_nan=True) or (numpy.signbit(ours) != numpy.signbit(theirs))[~numpy.isnan(ours)].any():
        raise ValueError("the values are others than the library read")


def load_safetensors(path):
    from safetensors import safe_open

    with safe_open(path, framework="np") as file:
        for name in file.keys():
            file.get_slice(name).get_shape()


READERS = {"npy": load_npy, "safetensors": load_safetensors}

for line in sys.stdin:
    kind, path = line.rstrip("\n").split("\t", 1)
    try:
        READERS[kind](path)
        answer = None
    except BaseException as error:
        answer = f"{type(error).__name__}: {error}"
    print(json.dumps(answer), flush=True)
