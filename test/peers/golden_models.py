"""Makes test/fixtures/models/tiny-{llama,mistral,gpt2}: random checkpoints of transformers, with what PyTorch computes from them.

    /path/to/python test/peers/golden_models.py test/fixtures/models

Needs torch, transformers and safetensors. The same numbers at every run with the same versions.
"""

import json
import pathlib
import sys

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, MistralConfig

# A shape without two equal numbers, as far as an architecture lets one choose.
VOCABULARY, HIDDEN, INNER, LAYERS, HEADS, KEY_VALUE_HEADS, POSITIONS = 61, 24, 34, 2, 4, 2, 40
LENGTH = 21
LLAMA3 = dict(rope_type="llama3", factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=20)
COMMON = dict(vocab_size=VOCABULARY, hidden_size=HIDDEN, intermediate_size=INNER, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
              num_key_value_heads=KEY_VALUE_HEADS, max_position_embeddings=POSITIONS, bos_token_id=1, eos_token_id=2, initializer_range=0.3)

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
    model = AutoModelForCausalLM.from_pretrained(directory, attn_implementation="eager", **changes).double().eval()
    # Tables of cosines are made in float32 whatever the model's type.
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
    save_file({name: parameter.grad.float().contiguous() for name, parameter in model.named_parameters()}, directory / "gradients.safetensors")
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
        make(root / name, config, dtype, variants, seed)
