"""Writes test/fixtures/models/rounding.safetensors with PyTorch and safetensors: run with the output directory as argument."""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

generator = torch.Generator().manual_seed(20260531)


def bits(count: int) -> torch.Tensor:
    """float32 numbers of random bits: every exponent, subnormals, and a few NaN and infinities."""
    return torch.randint(-(2**31), 2**31, (count,), generator=generator).to(torch.int32).view(torch.float32)


def ties(dtype: torch.dtype, dropped: int) -> torch.Tensor:
    """Numbers half way between two neighbours of a narrower format, and those one float32 below and above."""
    narrow = torch.randint(0, 2**16, (700,), generator=generator).to(torch.int16).view(dtype).float()
    narrow = narrow[narrow.isfinite()]
    middle = narrow.view(torch.int32) + (1 << (dropped - 1))
    return torch.cat([middle - 1, middle, middle + 1]).view(torch.float32)


# Around the limits of half precision: overflow at 65520, the least normal 2^-14, the least subnormal 2^-24 and its half.
limits = torch.tensor([0.0, 65504.0, 65519.99609375, 65520.0, 65536.0, 3.4e38, 2.0**-14, 2.0**-24, 2.0**-25, 2.0**-26, float("inf"), float("nan")])
small = torch.rand(500, generator=generator) * 2.0**-13
values = torch.cat([bits(800), ties(torch.float16, 13), ties(torch.bfloat16, 16), small, limits, -limits])

save_file(
    {
        "values": values,
        "half": values.half(),
        "brain": values.bfloat16(),
        "layer.weight": torch.arange(12, dtype=torch.float32).reshape(3, 4) / 8,
        "layer.bias": torch.tensor([-1.5, 0.25, 3.0], dtype=torch.bfloat16),
        "ids": torch.tensor([0, -1, 2**62, -(2**63)], dtype=torch.int64),
        "counts": torch.tensor([[7], [-(2**31)]], dtype=torch.int32),
        "scalar": torch.tensor(2.5, dtype=torch.float16),
        "empty": torch.zeros(0, 3),
        "mask": torch.tensor([True, False, True]),
        '"é\n😀': torch.ones(1),
    },
    Path(sys.argv[1]) / "rounding.safetensors",
    metadata={"format": "pt"},
)
