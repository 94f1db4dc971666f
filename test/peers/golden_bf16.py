"""Makes test/fixtures/tiny-qwen2-bf16: tiny-qwen2 with its weights rounded to bfloat16, and what PyTorch computes from them in float32.

    /path/to/python test/peers/golden_bf16.py ../shared/fixtures/tiny-qwen2 test/fixtures/tiny-qwen2-bf16

Needs torch, transformers, peft and safetensors. The batches are those of the first directory, and the two runs start as they do there:
LoRA with torch's AdamW, and BaLoRA with plain descent, whose projection makes no choice of gauge that the product could see.
"""

import json
import pathlib
import shutil
import sys

import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

RUNS = ("lora", "balora_sgd")


def load(folder):
    """Returns the model in float32: of bfloat16 weights, with their values."""
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def balance(left, right):
    """Replaces (B, A), out x r and r x in, by the balanced pair of the same product, from the SVD of the product."""
    rank = right.shape[0]
    U, S, Vh = torch.linalg.svd((left.double() @ right.double()), full_matrices=False)
    root = S[:rank].sqrt()
    left.copy_(U[:, :rank] * root)
    right.copy_(root[:, None] * Vh[:rank])


def train(base, source, target, batches):
    about = json.loads((source / "trajectory.json").read_text())
    model = PeftModel.from_pretrained(load(base), source / "init", is_trainable=True)
    parameters = [p for p in model.parameters() if p.requires_grad]
    adamw = about["optimizer"] == "adamw"
    optimizer = torch.optim.AdamW(parameters, lr=about["lr"], weight_decay=0.01) if adamw else torch.optim.SGD(parameters, lr=about["lr"])
    pairs = [(m.lora_B["default"].weight, m.lora_A["default"].weight) for m in model.modules() if hasattr(m, "lora_A")]
    losses = []
    for batch in batches:
        loss = model(**{name: torch.tensor(values) for name, values in batch.items()}).loss
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if about["project_every"] == 1:
            with torch.no_grad():
                for left, right in pairs:
                    balance(left, right)
    with torch.no_grad():
        last = model(input_ids=torch.tensor(batches[0]["input_ids"][:1])).logits[0, -1].tolist()
    target.mkdir()
    model.save_pretrained(target / "final")
    (target / "final" / "README.md").unlink(missing_ok=True)
    config = target / "final" / "adapter_config.json"
    # As in the first directory: its own path is nobody else's.
    config.write_text(json.dumps(dict(json.loads(config.read_text()), base_model_name_or_path="../../base"), indent=1))
    shutil.copytree(source / "init", target / "init")
    kept = {key: about[key] for key in ("method", "r", "alpha", "lr", "optimizer", "init", "project_every", "gauge", "moment_transport")}
    (target / "trajectory.json").write_text(json.dumps(dict(kept, losses=losses, final_logits_last=last)))


def main():
    source, target = map(pathlib.Path, sys.argv[1:])
    torch.set_num_threads(1)
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source / "base", target / "base")
    weights = {name: weight.to(torch.bfloat16) for name, weight in load_file(source / "base" / "model.safetensors").items()}
    save_file(weights, target / "base" / "model.safetensors", metadata={"format": "pt"})
    model = load(target / "base")
    golden = json.loads((source / "logits.json").read_text())
    with torch.no_grad():
        for case in golden["cases"]:
            logits = model(input_ids=torch.tensor([case["ids"]])).logits[0]
            case.pop("nll")
            case.update(logits_last=logits[-1].tolist(), logits_first8=logits[:, :8].tolist())
        greedy = list(golden["greedy"]["prompt"])
        while len(greedy) < len(golden["greedy"]["out"]):
            greedy.append(int(model(input_ids=torch.tensor([greedy])).logits[0, -1].argmax()))
        golden["greedy"]["out"] = greedy
    (target / "logits.json").write_text(json.dumps(golden))
    shutil.copy(source / "batches.json", target / "batches.json")
    batches = json.loads((source / "batches.json").read_text())
    for name in RUNS:
        train(target / "base", source / name, target / name, batches)
    for file in target.rglob("*"):
        file.chmod(0o755 if file.is_dir() else 0o644)


main()
