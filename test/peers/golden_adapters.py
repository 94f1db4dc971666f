"""Makes test/fixtures/adapters/*: adapters of embeddings and heads as PEFT saves them, with the logits that it computes.

    /path/to/python test/peers/golden_adapters.py test/fixtures

Needs torch, transformers and peft. The same numbers at every run with the same versions. Names of adapters after the
folder make only these.
"""

import json
import pathlib
import shutil
import sys
import warnings

import torch
import transformers
from peft import LoraConfig, get_peft_model

warnings.simplefilter("ignore")
transformers.logging.set_verbosity_error()
fixtures = pathlib.Path(sys.argv[1])
IDS = [5, 17, 3, 44, 9, 21, 8]

# name: base, configuration, arguments of saving, what else changes the base
CASES = {
    "head": ("tiny-llama", dict(target_modules=["q_proj", "lm_head"]), {}, None),
    "head-tied": ("tiny-gemma3-text", dict(target_modules=["lm_head"]), {}, None),
    "embedding": ("tiny-llama", dict(target_modules=["q_proj", "embed_tokens"]), {}, None),
    "embedding-tied-scaled": ("tiny-gemma3-text", dict(target_modules=["embed_tokens", "up_proj"]), {}, None),
    "both-with-magnitudes": ("tiny-gemma3-text", dict(target_modules=["embed_tokens", "lm_head"], use_dora=True), {}, None),
    "gpt2-embeddings": ("tiny-gpt2", dict(target_modules=["wte", "wpe", "c_attn"], fan_in_fan_out=True), {}, None),
    "embeddings-saved": ("tiny-gemma3-text", dict(target_modules=["q_proj"]), dict(save_embedding_layers=True), None),
    "embeddings-changed": ("tiny-llama", dict(target_modules=["q_proj"]), dict(save_embedding_layers=True), ["lm_head", "model.embed_tokens"]),
    "adapted-head-changed": ("tiny-llama", dict(target_modules=["q_proj", "lm_head"]), {}, ["lm_head"]),
    "tied-embedding-changed": ("tiny-gemma3-text", dict(target_modules=["embed_tokens"]), {}, ["model.embed_tokens"]),
    "saved-embedding-tied": ("tiny-gemma3-text", dict(target_modules=["q_proj"], modules_to_save=["embed_tokens"]), {}, None),
    "saved-head-tied": ("tiny-gemma3-text", dict(target_modules=["q_proj"], modules_to_save=["lm_head"]), {}, None),
    "ensured-saved": ("tiny-gemma3-text", dict(target_modules=["q_proj"], modules_to_save=["lm_head"], ensure_weight_tying=True), {}, None),
    "ensured-embedding": ("tiny-gemma3-text", dict(target_modules=["embed_tokens", "v_proj"], ensure_weight_tying=True), {}, None),
    "ensured-head": ("tiny-gemma3-text", dict(target_modules=["lm_head", "v_proj"], ensure_weight_tying=True), {}, None),
    "ensured-embedding-ranks": ("tiny-gemma3-text", dict(target_modules=["embed_tokens", "v_proj"], ensure_weight_tying=True, rank_pattern={"embed_tokens": 3}), {}, None),
    "pissa-head": ("tiny-llama", dict(target_modules=["q_proj", "lm_head"], init_lora_weights="pissa"), {}, None),
    "pissa-head-tied": ("tiny-gemma3-text", dict(target_modules=["v_proj", "lm_head"], init_lora_weights="pissa"), {}, None),
    "layers": ("tiny-llama", dict(target_modules=["q_proj", "up_proj"], layers_to_transform=[1], layers_pattern="layers"), {}, None),
}

for name, (base, config, saving, changed) in CASES.items():
    if len(sys.argv) > 2 and name not in sys.argv[2:]:
        continue
    torch.manual_seed(len(name))
    model = transformers.AutoModelForCausalLM.from_pretrained(fixtures / "models" / base, dtype=torch.float32).eval()
    with torch.no_grad():
        for module in changed or []:
            weight = model.get_submodule(module).weight
            weight[3].add_(0.3 * torch.randn_like(weight[3]))
    wrapped = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", r=2, lora_alpha=6, lora_dropout=0.1, **config)).eval()
    with torch.no_grad():
        for parameter in wrapped.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn_like(parameter))
        logits = wrapped(input_ids=torch.tensor([IDS])).logits[0]
    out = fixtures / "adapters" / name
    shutil.rmtree(out, ignore_errors=True)
    wrapped.save_pretrained(out, **saving)
    (out / "README.md").unlink(missing_ok=True)
    written = json.loads((out / "adapter_config.json").read_text())
    written["base_model_name_or_path"] = base
    (out / "adapter_config.json").write_text(json.dumps(written, indent=1) + "\n")
    (out / "logits.json").write_text(json.dumps({"ids": IDS, "logits": [round(value, 6) for value in logits.flatten().tolist()]}) + "\n")
