"""Makes test/fixtures/models/tiny-*, but for tiny-qwen2: random checkpoints of transformers, with what PyTorch computes from them.

    /path/to/python test/peers/golden_models.py test/fixtures/models [NAME ...]

Needs torch, transformers and safetensors. The same numbers at every run with the same versions.
"""

import json
import pathlib
import shutil
import sys
import tempfile

import torch
from safetensors.torch import save_file
from transformers import (AutoModelForCausalLM, Gemma3Config, Gemma3TextConfig, GPT2Config, LlamaConfig, MistralConfig, Olmo2Config, Phi3Config,
                          Qwen3Config, SmolLM3Config)

# A shape without two equal numbers, as far as an architecture lets one choose.
VOCABULARY, HIDDEN, INNER, LAYERS, HEADS, KEY_VALUE_HEADS, POSITIONS = 61, 24, 34, 2, 4, 2, 40
LENGTH = 21
LLAMA3 = dict(rope_type="llama3", factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=20)
COMMON = dict(vocab_size=VOCABULARY, hidden_size=HIDDEN, intermediate_size=INNER, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
              num_key_value_heads=KEY_VALUE_HEADS, max_position_embeddings=POSITIONS, bos_token_id=1, eos_token_id=2, initializer_range=0.3)
LONG = dict(short_factor=[1.1, 1.7], long_factor=[1.9, 4.3])
GEMMA = dict(COMMON, head_dim=8, query_pre_attn_scalar=10, sliding_window=5, layer_types=["sliding_attention", "full_attention"],
             rope_parameters=dict(full_attention=dict(rope_type="linear", factor=3.0, rope_theta=700.0),
                                  sliding_attention=dict(rope_type="default", rope_theta=50.0)))
# What it takes for a tower of images, which the library does not read.
VISION = dict(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14)

MODELS = {
    # Checkpoints in all three number formats.
    "tiny-llama": (LlamaConfig(**COMMON, attention_bias=True, mlp_bias=True, rope_parameters=dict(LLAMA3, rope_theta=500.0)), torch.bfloat16, [
        ("default", {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0}}),
        ("linear", {"rope_parameters": {"rope_type": "linear", "rope_theta": 500.0, "factor": 3.0}}),
        ("yarn", {"rope_parameters": {"rope_type": "yarn", "rope_theta": 500.0, "factor": 4.0, "original_max_position_embeddings": 16}}),
        ("yarn untruncated", {"rope_parameters": {"rope_type": "yarn", "rope_theta": 500.0, "factor": 4.0, "original_max_position_embeddings": 16,
                                                  "beta_fast": 20.0, "beta_slow": 2.0, "mscale": 0.8, "mscale_all_dim": 0.5, "truncate": False}}),
    ]),
    "tiny-mistral": (MistralConfig(**COMMON, head_dim=8, sliding_window=5, rope_parameters=dict(rope_type="default", rope_theta=10000.0)), torch.float16, [
        ("no window", {"sliding_window": None}),
    ]),
    "tiny-gpt2": (GPT2Config(vocab_size=VOCABULARY, n_embd=HIDDEN, n_inner=INNER, n_layer=LAYERS, n_head=HEADS, n_positions=POSITIONS, bos_token_id=1,
                             eos_token_id=2, initializer_range=0.3), torch.float32, [
        ("unscaled", {"scale_attn_weights": False}),
        ("scaled by depth", {"scale_attn_by_inverse_layer_idx": True}),
    ]),
    "tiny-qwen3": (Qwen3Config(**COMMON, head_dim=8, attention_bias=True, use_sliding_window=True, sliding_window=5, max_window_layers=1,
                               rope_parameters=dict(rope_type="default", rope_theta=500.0)), torch.bfloat16, [
        ("no window", {"use_sliding_window": False, "layer_types": None}),
        ("window in the first block", {"layer_types": ["sliding_attention", "full_attention"]}),
        ("windows in all blocks", {"layer_types": None, "max_window_layers": 0}),
        ("transformers 4", {"rope_parameters": None, "rope_theta": 300.0, "rope_scaling": {"type": "linear", "factor": 3.0}, "layer_types": None}),
        ("gelu", {"hidden_act": "gelu_pytorch_tanh"}),
    ]),
    "tiny-phi3": (Phi3Config(**COMMON, pad_token_id=0, original_max_position_embeddings=16,
                             rope_parameters=dict(LONG, rope_type="longrope", rope_theta=500.0, partial_rotary_factor=0.75)), torch.float32, [
        ("within the original context", {"original_max_position_embeddings": 21}),
        ("window", {"sliding_window": 5}),
        ("plain", {"rope_parameters": {"rope_type": "default", "rope_theta": 300.0}}),
        ("partly rotated", {"rope_parameters": {"rope_type": "default", "rope_theta": 300.0, "partial_rotary_factor": 0.4}}),
        ("factors", {"rope_parameters": dict(LONG, rope_type="longrope", rope_theta=500.0, partial_rotary_factor=0.75, factor=3.0, attention_factor=1.3)}),
        ("transformers 4", {"rope_parameters": None, "rope_theta": 300.0, "partial_rotary_factor": 0.75, "rope_scaling": dict(LONG, type="longrope")}),
    ]),
    "tiny-gemma3-text": (Gemma3TextConfig(**GEMMA, attention_bias=True), torch.float32, [
        ("transformers 4", {"rope_parameters": None, "rope_theta": 700.0, "rope_local_base_freq": 50.0, "layer_types": None, "sliding_window_pattern": 2,
                            "rope_scaling": {"rope_type": "linear", "factor": 2.0}}),
        ("all blocks slide", {"layer_types": None, "query_pre_attn_scalar": 24}),
        ("no block slides", {"layer_types": ["full_attention", "full_attention"]}),
        ("rotary defaults", {"rope_parameters": None}),
    ]),
    "tiny-gemma3": (Gemma3Config(text_config=GEMMA, vision_config=VISION, mm_tokens_per_image=4, image_token_index=60, boi_token_index=58,
                                 eoi_token_index=59), torch.bfloat16, []),
    "tiny-smollm3": (SmolLM3Config(**COMMON, attention_bias=True, mlp_bias=True, no_rope_layers=[1, 0], pad_token_id=0,
                                   rope_parameters=dict(rope_type="default", rope_theta=500.0)), torch.float16, [
        ("no rotary positions in the first block", {"no_rope_layers": [0, 1]}),
        ("no rotary positions at all", {"no_rope_layers": None, "no_rope_layer_interval": 1}),
        ("rotary positions in all blocks", {"no_rope_layers": None, "rope_parameters": None}),
        ("window where there are no rotary positions", {"use_sliding_window": True, "sliding_window": 5, "layer_types": None}),
    ]),
    "tiny-olmo2": (Olmo2Config(**COMMON, attention_bias=True, pad_token_id=0, rope_parameters=dict(rope_type="default", rope_theta=500.0)), torch.float32, [
        ("yarn", {"rope_parameters": {"rope_type": "yarn", "rope_theta": 500.0, "factor": 4.0, "original_max_position_embeddings": 16}}),
        ("defaults", {"rope_parameters": None}),
    ]),
}


def batch(generator):
    """Two rows, the second padded at its end, with labels that leave out a beginning and the padding."""
    ids = torch.randint(3, VOCABULARY, (2, LENGTH), generator=generator)
    mask = torch.ones_like(ids)
    mask[1, -4:] = 0
    labels = torch.where(mask == 1, ids, -100)
    labels[:, :6] = -100
    return dict(input_ids=ids, attention_mask=mask, labels=labels)


def forward(directory, changes, given):
    """In float64, of the stored weights."""
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(directory, copy, dirs_exist_ok=True)
        config = pathlib.Path(copy) / "config.json"
        config.write_text(json.dumps({**json.loads(config.read_text()), **changes}))
        # In float32 first: Gemma's factor of embeddings is made in the type that the model is loaded in.
        model = AutoModelForCausalLM.from_pretrained(copy, attn_implementation="eager", dtype=torch.float32).double().eval()
    # Tables of cosines, and most norms, are computed in float32 whatever the model's type.
    return model, model(**given)


def greedy(model, prompt, count):
    ids = torch.tensor([prompt])
    for _ in range(count):
        ids = torch.cat([ids, model(input_ids=ids).logits[:, -1].argmax(-1, keepdim=True)], 1)
    return ids[0, len(prompt):].tolist()


def rounded(values):
    return [float(f"{value:.6g}") for value in values.flatten().tolist()]


def make(directory, config, dtype, variants, seed):
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config).to(dtype)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            # Norms and biases start at constants that would hide mistakes.
            if parameter.dim() == 1:
                parameter.add_(0.2 * torch.randn(parameter.shape).to(dtype))
    model.save_pretrained(directory)
    (directory / "generation_config.json").unlink(missing_ok=True)
    given = batch(torch.Generator().manual_seed(seed))
    model, out = forward(directory, {}, given)
    out.loss.backward()
    save_file({name: parameter.grad.float().contiguous() for name, parameter in model.named_parameters() if parameter.grad is not None},
              directory / "gradients.safetensors")
    prompt = given["input_ids"][0, :9].tolist()
    golden = {
        "batch": {key: value.tolist() for key, value in given.items()},
        "loss": out.loss.item(),
        "logits": rounded(out.logits[0]),
        "prompt": prompt,
        "continuation": greedy(model, prompt, 14),
        "variants": [],
    }
    for name, changes in variants:
        _, other = forward(directory, changes, given)
        golden["variants"].append({"name": name, "changes": changes, "loss": other.loss.item(), "last": rounded(other.logits[0, -1])})
    (directory / "golden.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    root = pathlib.Path(sys.argv[1])
    for seed, (name, (config, dtype, variants)) in enumerate(MODELS.items(), 11):
        if sys.argv[2:] and name not in sys.argv[2:]:
            continue
        make(root / name, config, dtype, variants, seed)
