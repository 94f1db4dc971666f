"""PyTorch's side of `bench:train`: transformers and PEFT's LoRA with torch's AdamW.

    train.py on|off DIRECTORY RANK ALPHA [float32|bfloat16]

"on" is gradient checkpointing; the last word is the number format of weights and computation (default: float32). Reads one JSON command a line and answers one line each; between commands it waits in a blocking read.

  {"do": "about"}                  -> {"description"}
  {"do": "begin", "tokens": [...]} -> {}
  {"do": "run"}                    -> {"seconds", "loss", "peakMemory"}: one step
"""
import json
import resource
import sys
import time

import peft
import torch
import transformers

recompute, directory, rank, alpha = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
dtype = getattr(torch, sys.argv[5]) if len(sys.argv) > 5 else torch.float32
transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
model = transformers.AutoModelForCausalLM.from_pretrained(directory, dtype=dtype)
if recompute == "on":
    model.gradient_checkpointing_enable()
    model.enable_input_require_grads()
model = peft.get_peft_model(model, peft.LoraConfig(r=rank, lora_alpha=alpha, target_modules="all-linear", task_type="CAUSAL_LM"))
model.train()
optimizer = torch.optim.AdamW([parameter for parameter in model.parameters() if parameter.requires_grad], lr=1e-3, weight_decay=0.01)
ids = None


def about():
    return {"description": f"torch {torch.__version__}, transformers {transformers.__version__}, PEFT {peft.__version__}, {torch.get_num_threads()} threads"}


def begin(tokens):
    global ids
    ids = torch.tensor([tokens])
    return {}


def run():
    start = time.perf_counter()
    loss = model(input_ids=ids, labels=ids, use_cache=False).loss
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    value = loss.item()
    seconds = time.perf_counter() - start
    # Kilobytes on Linux, bytes on macOS.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {"seconds": seconds, "loss": value, "peakMemory": peak}


COMMANDS = {"about": about, "begin": begin, "run": run}

for line in sys.stdin:
    command = json.loads(line)
    name = command.pop("do")
    print(json.dumps(COMMANDS[name](**command)), flush=True)
