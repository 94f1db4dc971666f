"""Writes test/fixtures/models/tokenizer.json with transformers: python golden-tokenizer.py CHECKPOINT OUTPUT-DIRECTORY."""

import json
import sys
from pathlib import Path

from transformers import PreTrainedTokenizerFast

# Not AutoTokenizer: of a directory with a Qwen2 configuration it replaces the pre-tokenizer of tokenizer.json by Qwen2's own.
tokenizer = PreTrainedTokenizerFast.from_pretrained(sys.argv[1])

texts = [
    "What is 463 * 886? 410218",
    "",
    " ",
    "  two  spaces\n\n\tand a tab \r\n",
    "I'll don't WE'RE it's",
    "naïve café, e\u0301 and \u00e9; Ωμέγα; 日本語; ﷽",
    "👩‍👩‍👧 family, 😀😀, flags 🇫🇷",
    "<|im_start|>user\nhi<|im_end|><|endoftext|> tail",
    "<|im_start|><|im_start|>",
    "<|im_start",
    "zero\u200bwidth \ufeffmark \u0000 nul",
    "x" * 300,
    "٣٤٥ ½ ² 12345678901234567890",
    "' '' \"quoted\" `code` $1,000.00 a_b-c",
]

ids_to_decode = [
    [0, 1, 2],
    [263, 0, 262, 2],
    # Single bytes: a lone continuation, a cut character, a character across tokens.
    tokenizer("é😀", add_special_tokens=False).input_ids,
    tokenizer("é😀", add_special_tokens=False).input_ids[:-1],
    tokenizer("é😀", add_special_tokens=False).input_ids[1:],
    tokenizer("日", add_special_tokens=False).input_ids[:1] * 3 + tokenizer("日", add_special_tokens=False).input_ids,
    tokenizer("日", add_special_tokens=False).input_ids[:2] + [1] + tokenizer("日", add_special_tokens=False).input_ids,
    [5000, 263, 99999],
]

chatml = """{%- if messages[0]['role'] == 'system' -%}
    {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
{%- else -%}
    {{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}
{%- endif -%}
{%- for message in messages %}
    {%- if message.role == 'user' or (message.role == 'system' and not loop.first) or (message.role == 'assistant' and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == 'assistant' %}
        {{- '<|im_start|>' + message.role }}
        {%- for call in message.tool_calls %}
            {{- '\\n<tool_call>\\n{"name": "' ~ call.name ~ '", "arguments": ' ~ call.arguments | tojson ~ '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""
headers = """{% set loop_messages = messages %}{% for message in loop_messages %}
{% set content = '<|start|>' + message['role'] + '<|end|>\\n\\n' + message['content'] | trim + '<|eot|>' %}
{% if loop.index0 == 0 %}{% set content = eos_token + content %}{% endif %}
{{ content }}
{% endfor %}
{% if add_generation_prompt %}{{ '<|start|>assistant<|end|>\\n\\n' }}{% endif %}"""
alternating = """{% set ns = namespace(system='') %}
{% for message in messages %}
    {% if message['role'] == 'system' %}
        {% set ns.system = message['content'] %}
    {% endif %}
{% endfor %}
{% for message in messages | rejectattr('role', 'equalto', 'system') %}
    {% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{ raise_exception('roles must alternate user and assistant') }}
    {% endif %}
    {% if message['role'] == 'user' %}
        {% if loop.first and ns.system %}
{{ '[INST] ' + ns.system + '\\n\\n' + message['content'] + ' [/INST]' }}
        {% else %}
{{ '[INST] ' + message['content'] + ' [/INST]' }}
        {% endif %}
    {% else %}
{{ ' ' + message['content'] | upper ~ eos_token }}
    {% endif %}
{% endfor %}
{% if tools is defined and tools %}{{ tools | length }} tools{% endif %}"""

user = {"role": "user", "content": "  What's 2 + 2? <b>é</b> "}
answer = {"role": "assistant", "content": "4, \"four\"\n"}
system = {"role": "system", "content": "Be brief."}
call = {"role": "assistant", "content": "", "tool_calls": [{"name": "add", "arguments": {"x": 2, "y": [1.5, None, True], "name": "é<>&'"}}]}
conversations = [[user], [user, answer], [system, user, answer, user], [system, user, call], [user, user]]


def render(template, messages, add_generation_prompt):
    try:
        text = tokenizer.apply_chat_template(
            messages, chat_template=template, tokenize=False, add_generation_prompt=add_generation_prompt
        )
        return {"text": text}
    except Exception as error:  # the template's own refusal
        return {"error": str(error)}


chats = [
    {"template": template, "messages": messages, "addGenerationPrompt": prompt, **render(template, messages, prompt)}
    for template in (tokenizer.chat_template, chatml, headers, alternating)
    for messages in conversations
    for prompt in (False, True)
]

golden = {
    "encoded": [{"text": text, "ids": tokenizer(text).input_ids} for text in texts],
    "decoded": [
        {"ids": ids, "text": tokenizer.decode(ids), "withoutSpecial": tokenizer.decode(ids, skip_special_tokens=True)}
        for ids in ids_to_decode
    ],
    "chats": chats,
}
Path(sys.argv[2], "tokenizer.json").write_text(json.dumps(golden, indent=1) + "\n")
