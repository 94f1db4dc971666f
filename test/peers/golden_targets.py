"""Which modules PEFT adapts, and with which rank and scale: writes test/fixtures/lora/targets.json. Run with BURES_PEER_PYTHON."""
import json
import pathlib
import warnings

import peft
import torch
import transformers
from peft import LoraConfig, get_peft_model

warnings.simplefilter("ignore")
torch.manual_seed(0)

MODELS = {
    "qwen2": lambda: transformers.Qwen2ForCausalLM(
        transformers.Qwen2Config(hidden_size=16, intermediate_size=24, num_hidden_layers=12, num_attention_heads=2, num_key_value_heads=1, vocab_size=32)
    ),
    "gpt2": lambda: transformers.GPT2LMHeadModel(transformers.GPT2Config(n_embd=16, n_layer=2, n_head=2, vocab_size=32, n_positions=16)),
}

CASES = [
    ("qwen2", {"target_modules": ["q_proj", "v_proj"]}),
    ("qwen2", {"target_modules": ["proj"]}),
    ("qwen2", {"target_modules": ["self_attn.q_proj"]}),
    ("qwen2", {"target_modules": ["model.layers.3.mlp.up_proj"]}),
    ("qwen2", {"target_modules": ["1.mlp.up_proj"]}),
    ("qwen2", {"target_modules": "all-linear"}),
    ("qwen2", {"target_modules": "ALL-LINEAR", "exclude_modules": ["k_proj", "model.layers.0.mlp.up_proj"]}),
    ("qwen2", {"target_modules": r".*\.layers\.[02]\..*(q|k)_proj"}),
    ("qwen2", {"target_modules": r"q_proj"}),
    ("qwen2", {"target_modules": r"model\.layers\.(?P<i>1)1?\.mlp\.(up|down)_proj"}),
    ("qwen2", {"target_modules": r"(?i)MODEL.layers.1.MLP.up_proj\Z"}),
    ("qwen2", {"target_modules": r"model.layers.1{,1}.mlp.[^]x]+_proj"}),
    ("qwen2", {"target_modules": ["q_proj", "lm_head"]}),
    ("qwen2", {"target_modules": ["q_proj", "up_proj"], "exclude_modules": r".*layers\.1\..*"}),
    ("qwen2", {"target_modules": ["q_proj"], "layers_to_transform": [1, 11]}),
    ("qwen2", {"target_modules": ["q_proj"], "layers_to_transform": 2}),
    ("qwen2", {"target_modules": ["q_proj"], "layers_to_transform": []}),
    ("qwen2", {"target_modules": ["q_proj"], "layers_to_transform": [1], "layers_pattern": "layers"}),
    ("qwen2", {"target_modules": ["q_proj"], "layers_to_transform": [1], "layers_pattern": ["h", "layers"]}),
    ("qwen2", {"target_modules": ["q_proj"], "layers_to_transform": [1], "layers_pattern": "h"}),
    ("qwen2", {"target_modules": ["q_proj", "v_proj"], "modules_to_save": ["v_proj"]}),
    ("qwen2", {"target_modules": ["q_proj", "lm_head"], "modules_to_save": ["lm_head"]}),
    ("qwen2", {"target_modules": ["q_proj", "up_proj"], "rank_pattern": {"q_proj": 2, "layers.1.self_attn.q_proj": 3}}),
    ("qwen2", {"target_modules": ["q_proj", "up_proj"], "rank_pattern": {"layers.1.self_attn.q_proj": 3, "q_proj": 2}, "alpha_pattern": {"^model.layers.1.*": 5, "up": 7}}),
    ("qwen2", {"target_modules": ["q_proj", "up_proj"], "rank_pattern": {r".*\.(0|1)\.mlp\..*": 5}, "alpha_pattern": {"up_proj": 32}, "use_rslora": True}),
    ("qwen2", {"target_modules": ["q_proj", "up_proj"], "rank_pattern": {"proj": 5}}),
    ("qwen2", {"target_modules": ["nothing"]}),
    ("qwen2", {"target_modules": ["q_proj"], "exclude_modules": ["q_proj"]}),
    ("gpt2", {"target_modules": "all-linear"}),
    ("gpt2", {"target_modules": ["c_proj"]}),
    ("gpt2", {"target_modules": ["attn.c_proj"], "layers_to_transform": [1]}),
    ("gpt2", {"target_modules": ["c_attn"], "layers_to_transform": [0], "layers_pattern": "h"}),
]


def adapted(model_name, options):
    try:
        model = get_peft_model(MODELS[model_name](), LoraConfig(r=4, lora_alpha=8, fan_in_fan_out=model_name == "gpt2", task_type="CAUSAL_LM", **options))
    except ValueError:
        return None
    return {
        name.removeprefix("base_model.model."): {"rank": module.r["default"], "scale": module.scaling["default"]}
        for name, module in model.named_modules()
        if hasattr(module, "lora_A")
    }


def linear(model):
    return [name for name, module in model.named_modules() if type(module).__name__ in ("Linear", "Conv1D")]


result = {
    "peft": peft.__version__,
    "linear": {name: linear(make()) for name, make in MODELS.items()},
    "cases": [{"model": name, "options": options, "adapted": adapted(name, options)} for name, options in CASES],
}
place = pathlib.Path(__file__).parent.parent / "fixtures" / "lora" / "targets.json"
place.write_text(json.dumps(result, indent=1) + "\n")
for case in result["cases"]:
    print(case["model"], case["options"], None if case["adapted"] is None else len(case["adapted"]))
