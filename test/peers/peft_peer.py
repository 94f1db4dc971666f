"""PEFT's side of peft.test.ts. Reads JSON requests from standard input, a line each, and writes a line of JSON for each.

{"make": [{"base", "config", "out"}], "gpt2": DIR | null, "ids": [[…]]}
    makes a random GPT-2 in DIR, and an adapter with random weights for every entry, saved as PEFT saves it; answers the logits of each
{"load": [{"base", "adapter"}], "ids": [[…]]}
    loads adapters onto their bases; answers the logits of each
"""
import copy
import functools
import json
import sys
import warnings

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model

warnings.simplefilter("ignore")
transformers.logging.set_verbosity_error()
torch.manual_seed(0)
# The models are too small for threads, and the tests share their processors.
torch.set_num_threads(1)


@functools.cache
def stored_model(path):
    return transformers.AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()


def base_model(path):
    # PEFT changes the model that it wraps.
    return copy.deepcopy(stored_model(path))


def logits(model, ids):
    with torch.no_grad():
        return model.eval()(input_ids=torch.tensor(ids)).logits.flatten().tolist()


def make_gpt2(path):
    config = transformers.GPT2Config(n_embd=24, n_layer=2, n_head=3, vocab_size=384, n_positions=32, bos_token_id=0, eos_token_id=0)
    model = transformers.GPT2LMHeadModel(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(path)


def make(entry, ids):
    model = get_peft_model(base_model(entry["base"]), LoraConfig(task_type="CAUSAL_LM", **entry["config"]))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn_like(parameter))
    model.save_pretrained(entry["out"])
    return logits(model, ids)


def answer(request):
    if request.get("gpt2"):
        make_gpt2(request["gpt2"])
    made = [make(entry, request["ids"]) for entry in request.get("make", [])]
    return made + [logits(PeftModel.from_pretrained(base_model(entry["base"]), entry["adapter"]), request["ids"]) for entry in request.get("load", [])]


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
