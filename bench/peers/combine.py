"""PEFT's side of `bench:combine`: adapters combined and converted from folder to folder, as PEFT does it.

    combine.py THREADS

THREADS 0 keeps PyTorch's default. Reads one JSON command a line and answers one line each; between commands it waits in a blocking read.

  {"do": "about"}                                            -> {"description"}, or {"reason"} where PEFT is missing
  {"do": "prepare", "layers", "shapes": {name: [m, n]}}      -> {}, after making the layers that adapters are loaded onto
  {"do": "run", "kind": "cat" | "svd" | "convert", "adapters", "weights", "rank", "out"} -> {"seconds"}
"""
import gc
import json
import sys
import time
import warnings

try:
    import peft
    import torch
    from safetensors.torch import save_file
except ImportError as missing:
    for line in sys.stdin:
        print(json.dumps({"reason": str(missing)}), flush=True)
    sys.exit(0)

warnings.simplefilter("ignore")
if int(sys.argv[1]) > 0:
    torch.set_num_threads(int(sys.argv[1]))
made = {}


def about():
    return {"description": f"PEFT {peft.__version__}, torch {torch.__version__}, {torch.get_num_threads()} threads"}


def prepare(layers, shapes):
    made.update(layers=layers, shapes=shapes)
    return {}


class Layers(torch.nn.Module):
    """Only the modules that are adapted, without weights of their own: a model of this size need not be there."""

    def __init__(self):
        super().__init__()
        with torch.device("meta"):
            blocks = [{name: torch.nn.Linear(n, m, bias=False) for name, (m, n) in made["shapes"].items()} for _ in range(made["layers"])]
        self.layers = torch.nn.ModuleList([torch.nn.ModuleDict(block) for block in blocks])
        # PEFT puts its factors on the device of the weight: one number, seen at every place.
        for block in self.layers:
            for module in block.values():
                module.weight = torch.nn.Parameter(torch.zeros(1).expand(module.weight.shape), requires_grad=False)
        self.config = {"model_type": "layers"}


def run(kind, adapters, weights, rank, out):
    model = Layers()
    gc.collect()
    start = time.perf_counter()
    with torch.no_grad():
        loaded = peft.PeftModel.from_pretrained(model, adapters[0], adapter_name="0")
        if kind == "convert":
            config, state = peft.convert_to_lora(loaded, rank=rank, adapter_name="0", progressbar=False)
            config.save_pretrained(out)
            save_file({key: value.contiguous() for key, value in state.items()}, f"{out}/adapter_model.safetensors")
        else:
            for i, adapter in enumerate(adapters[1:], 1):
                loaded.load_adapter(adapter, adapter_name=str(i))
            names = [str(i) for i in range(len(adapters))]
            # The quicker of the two ways: the default computes a whole orthogonal matrix of size m and leaves most of it.
            loaded.add_weighted_adapter(names, weights, "combined", combination_type=kind, svd_rank=rank, svd_full_matrices=False)
            loaded.save_pretrained(out, selected_adapters=["combined"])
    return {"seconds": time.perf_counter() - start}


COMMANDS = {"about": about, "prepare": prepare, "run": run}

for line in sys.stdin:
    command = json.loads(line)
    name = command.pop("do")
    try:
        answer = COMMANDS[name](**command)
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
