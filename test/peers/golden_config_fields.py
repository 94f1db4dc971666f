"""Writes test/fixtures/models/config-fields.json: the fields that transformers' configuration classes declare, by model_type.

    /path/to/python test/peers/golden_config_fields.py test/fixtures/models

"read" are those, declared or not, that a model's code computes with: its own, and what all models share (masks, caches, rotary positions).
"""

import dataclasses
import json
import pathlib
import re
import sys

import transformers
from transformers.configuration_utils import PretrainedConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

MODELS = ["llama", "qwen2", "qwen3", "mistral", "gemma3_text", "gemma3", "phi3", "smollm3", "olmo2", "gpt2"]
ROOT = pathlib.Path(transformers.__file__).parent
SHARED = ["modeling_rope_utils.py", "masking_utils.py", "cache_utils.py"]


def read_in(path):
    source = path.read_text()
    return set(re.findall(r"\bconfig\.([a-z]\w*)\b(?!\()", source)) | set(re.findall(r"config, \"([a-z]\w*)\"", source))


base = {field.name for field in dataclasses.fields(PretrainedConfig)}
shared = set().union(*(read_in(ROOT / name) for name in SHARED)) - {"json", "get_text_config"}
models = {}
for name in MODELS:
    declared = {field.name for field in dataclasses.fields(CONFIG_MAPPING[name])}
    folder = name.removesuffix("_text")
    # Gemma 3's file has both models; each reads what its own class declares.
    read = read_in(ROOT / "models" / folder / f"modeling_{folder}.py") if folder == name != "gemma3" else declared
    models[name] = {"declared": sorted(declared - base), "read": sorted(read - base)}
content = {"transformers": transformers.__version__, "base": sorted(base), "shared": sorted(shared), "models": models}
(pathlib.Path(sys.argv[1]) / "config-fields.json").write_text(json.dumps(content, indent=1) + "\n")
