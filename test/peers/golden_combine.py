"""Combinations and conversions of adapters by PEFT.

    golden_combine.py make OUT [SEED]        two adapters, OUT/first and OUT/second, and what PEFT makes of them: OUT/expected.safetensors
    golden_combine.py load FOLDER NAME…      the changes of the weights by the adapters FOLDER/NAME, as PEFT loads them: FOLDER/NAME.safetensors

`make test/fixtures/lora/combine` wrote the golden data. Every tensor is ΔW of a module, named CASE/MODULE.
"""
import json
import pathlib
import sys
import warnings

import torch
import transformers
from peft import LoraConfig, PeftModel, convert_to_lora, get_peft_model
from safetensors.torch import save_file

warnings.simplefilter("ignore")
torch.set_num_threads(1)

# Keep in step with test/support/peft-combinations.ts.
WEIGHTS = [0.7, -1.3]
RANKS = [2, 4]
SHAPES = {"q_proj": (19, 14), "k_proj": (7, 14), "down_proj": (14, 23)}


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        for name, (m, n) in SHAPES.items():
            self.add_module(name, torch.nn.Linear(n, m, bias=False))
        self.c_fc = transformers.pytorch_utils.Conv1D(11, 14)


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.ModuleList([Block(), Block()])
        self.config = {"model_type": "blocks"}


# Ranks, α and modules differ; so do the patterns and the rule of the scale.
CONFIGS = {
    "first": dict(r=3, lora_alpha=5, target_modules=["q_proj", "k_proj", "c_fc"], rank_pattern={"layers.1.q_proj": 5}, fan_in_fan_out=False),
    "second": dict(r=4, lora_alpha=7, target_modules=["q_proj", "down_proj", "c_fc"], use_rslora=True, alpha_pattern={"down_proj": 2}),
}


def deltas(model, adapter):
    """ΔW, out × in, of every adapted module."""
    found = {}
    for name, module in model.named_modules():
        if adapter not in getattr(module, "lora_A", {}):
            continue
        delta = module.get_delta_weight(adapter).detach()
        found[name.removeprefix("base_model.model.")] = delta.T.contiguous() if module.fan_in_fan_out else delta.contiguous()
    return found


def make(out, seed=0):
    torch.manual_seed(seed)
    folder = pathlib.Path(out)
    for name, config in CONFIGS.items():
        model = get_peft_model(Model(), LoraConfig(**config))
        with torch.no_grad():
            for key, parameter in model.named_parameters():
                if "lora_" in key:
                    # Graded, and lora_A much larger than lora_B.
                    grades = 4.0 ** -torch.arange(min(parameter.shape), dtype=torch.float32)
                    size = 8.0 if "lora_A" in key else 1.0
                    parameter.copy_(size * torch.randn_like(parameter) * (grades[:, None] if "lora_A" in key else 1.0))
        model.peft_config["default"].base_model_name_or_path = "owner/blocks"
        model.save_pretrained(folder / name)
        (folder / name / "README.md").unlink(missing_ok=True)
        # PEFT leaves modules without a shared task; the library reads adapters of language models.
        file = folder / name / "adapter_config.json"
        content = {key: value for key, value in json.loads(file.read_text()).items() if key not in ("auto_mapping", "peft_version")}
        file.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    model = PeftModel.from_pretrained(Model(), folder / "first", adapter_name="first")
    model.load_adapter(folder / "second", adapter_name="second")
    expected = {}
    names = list(CONFIGS)
    model.add_weighted_adapter(names, WEIGHTS, "cat", combination_type="cat")
    for rank in RANKS:
        model.add_weighted_adapter(names, WEIGHTS, f"svd{rank}", combination_type="svd", svd_rank=rank)
    for case in ["cat", *(f"svd{rank}" for rank in RANKS)]:
        for module, delta in deltas(model, case).items():
            expected[f"{case}/{module}"] = delta
    for rank in RANKS:
        _, state = convert_to_lora(PeftModel.from_pretrained(Model(), folder / "second"), rank=rank, progressbar=False)
        for key, lora_A in state.items():
            if not key.endswith(".lora_A.weight"):
                continue
            name = key.removesuffix(".lora_A.weight")
            expected[f"convert{rank}/{name.removeprefix('base_model.model.')}"] = (state[f"{name}.lora_B.weight"] @ lora_A).contiguous()
    save_file(expected, folder / "expected.safetensors")


def load(folder, *names):
    for name in names:
        model = PeftModel.from_pretrained(Model(), pathlib.Path(folder) / name)
        save_file(deltas(model, "default"), pathlib.Path(folder) / f"{name}.safetensors")


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    make(arguments[0], *map(int, arguments[1:])) if command == "make" else load(*arguments)
