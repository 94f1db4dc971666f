"""Makes test/fixtures/models/tiny-*-{nf4,fp4,int8}: checkpoints that transformers quantized with bitsandbytes, with the weights that bitsandbytes reads from them.

    /path/to/python test/peers/golden_quantized.py test/fixtures/models

Needs torch, transformers, accelerate, safetensors and bitsandbytes (its Python alone will do: everything runs on the processor). `dequantized.safetensors`
holds the weights in float32, before bitsandbytes rounds them to the number format of the model.
"""

import pathlib
import sys

import bitsandbytes.functional as functional
import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

FOUR = dict(load_in_4bit=True)
CASES = {
    "tiny-llama-nf4": ("tiny-llama", dict(FOUR, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True)),
    "tiny-llama-fp4": ("tiny-llama", dict(FOUR, bnb_4bit_quant_type="fp4", bnb_4bit_quant_storage="bfloat16")),
    "tiny-llama-int8": ("tiny-llama", dict(load_in_8bit=True, llm_int8_skip_modules=["lm_head", "down_proj"])),
    "tiny-gpt2-nf4": ("tiny-gpt2", dict(FOUR, bnb_4bit_quant_type="nf4")),
}


def dequantized(weight):
    """Returns a weight in float32, or None if it is not quantized."""
    if hasattr(weight, "quant_state") and weight.quant_state is not None:
        weight.quant_state.dtype = torch.float32
        return functional.dequantize_4bit(weight.data, weight.quant_state).contiguous()
    if hasattr(weight, "SCB") and weight.SCB is not None:
        return weight.data.float() * (weight.SCB.float() / 127).unsqueeze(1)
    return None


def main():
    root = pathlib.Path(sys.argv[1])
    for name, (base, options) in CASES.items():
        model = AutoModelForCausalLM.from_pretrained(root / base, quantization_config=BitsAndBytesConfig(**options), dtype="auto", device_map="cpu")
        model.save_pretrained(root / name)
        (root / name / "generation_config.json").unlink(missing_ok=True)
        read = {key: dequantized(weight) for key, weight in model.named_parameters()}
        save_file({key: weight for key, weight in read.items() if weight is not None}, root / name / "dequantized.safetensors")


main()
