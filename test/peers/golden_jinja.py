"""Writes test/fixtures/models/jinja.json with Python's Jinja in the environment of transformers' chat templates:
python golden_jinja.py OUTPUT-DIRECTORY. The expressions are all combinations of the lists below; null stands for an error."""

import datetime
import json
import sys
from pathlib import Path

from transformers.utils.chat_template_utils import _compile_jinja_template

variables = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What's 2 + 2?\n", "weight": 0},
        {"role": "assistant", "content": "4", "tool_calls": [{"name": "f", "arguments": {"x": 1.0, "y": 12345678901234567890}}], "none": None},
    ],
    "schema": {"type": "array", "items": {"type": "string"}, "keys": ["a"], "get": 3},
    "tools": None,
    "bos_token": "<s>",
}

values = [
    "none", "true", "false", "0", "1", "-3", "7", "2.5", "-0.5", "1.0", "''", "'abc'", "'Ab c'", "'7'", "' x\\n'", "[]", "[1, 2]", "['b', 'A', 'b']",
    "(1, 2)", "{}", "{'a': 1, 'B': [2]}", "missing", "messages[1]",
]
operators = ["==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "//", "%", "**", "~", "in", "not in", "and", "or"]
filters = [
    "abs", "batch(2) | list", "capitalize", "center(9)", "count", "default('d')", "default('d', true)", "dictsort", "dictsort(false, 'value')",
    "escape", "first", "float", "float(3.5)", "indent", "indent(2, true)", "indent(first=true, blank=true)", "int", "int(5)", "items | list", "join", "join('-')",
    "last", "length", "list", "lower", "map('string') | list", "map('upper') | join(',')", "max", "min", "reject | list", "replace('b', 'xx')", "reverse | list",
    "round", "round(1)", "safe", "select | list", "select('string') | list", "select('eq', 1) | list", "sort", "sort(reverse=true)", "sort(case_sensitive=true)",
    "string", "sum", "title", "tojson", "tojson(indent=2)", "tojson(ensure_ascii=true, sort_keys=true)", "tojson(separators=(',', ':'))", "trim",
    "trim('a')", "unique | list", "upper", "wordcount", "string | length", "list | length", "unknown_filter",
]
tests = [
    "boolean", "callable", "defined", "divisibleby(2)", "divisibleby 3", "eq(1)", "equalto('abc')", "even", "odd", "false", "true", "float", "integer", "ge(1)",
    "gt 0", "in([1, 'abc', none])", "in 'abcd'", "iterable", "le(2.5)", "lower", "upper", "mapping", "ne(1)", "none", "not none", "number", "sameas(none)",
    "sequence", "string", "undefined", "not undefined", "not string", "not divisibleby(2)", "not in [1, 2]", "unknown_test",
]
texts = ["''", "'abc'", "'  a b  c '", "'\\n\\tx\\n'", "'aXbXc'", "'Ünï 😀 çase'", "'ONE two'", "'\\u00a0\\ufeffx\\u2003'", "'12'", "'<think>a</think>b'", "'don\\'t \"q\"'"]
methods = [
    "upper()", "lower()", "strip()", "lstrip()", "rstrip()", "strip('\\n')", "lstrip('\\n')", "rstrip('\\n')", "lstrip('ax')", "strip(' a')", "strip(none)", "title()",
    "capitalize()", "swapcase()", "startswith('a')", "startswith(('a', 'O'))", "endswith('c')", "endswith(('b', 'o'))", "split()", "split(' ')", "split('X')", "split('X', 1)",
    "split(none, 1)", "split(maxsplit=1)", "rsplit('X', 1)", "rsplit(none, 1)", "rsplit()", "split('')", "splitlines()", "splitlines(true)", "replace('a', 'bb')",
    "replace('', '-')", "replace('', '-', 2)", "replace('X', '', 1)", "join(['1', '2'])", "join([1])", "find('b')", "rfind('c')", "find('zz')", "index('b')", "count('a')", "count('')",
    "partition('X')", "rpartition('X')", "partition('</think>')", "removeprefix('a')", "removesuffix('c')", "ljust(12) ~ '|'", "rjust(12)", "center(12) ~ '|'", "zfill(6)",
    "isspace()", "isdigit()", "isalpha()", "isalnum()", "isupper()", "islower()", "isnumeric()", "split('</think>')[-1].lstrip('\\n')", "split('</think>')[0]", "format(1)",
    "encode_nothing()", "nothing", "length",
]
slices = ["[0]", "[-1]", "[5]", "[1:]", "[:-1]", "[::-1]", "[::2]", "[-2:]", "[3:1:-1]", "['a']", "['items'] is defined", ".a", ".items is defined", ".keys() | list", ".values() | list", ".items() | list", ".get('a')", ".get('z', 4)", ".get('z')", ".append(1)", ".pop()", ".index(2)", ".count('b')"]
wholes = [
    "{% if tools is defined %}defined{% endif %}{{ tools }}{{ documents }}",
    "{{ true }} {{ none }} {{ 1.0 }} {{ 100000000000000000.0 }} {{ [1, 'a\\'b', none, true, 1.5] }} {{ {'a': ('x',)} }} {{ missing }}",
    "{{ messages }}",
    "{{ messages | tojson }}{{ messages | tojson(indent=4) }}",
    "{{ messages | selectattr('weight', 'undefined') | list | length }}{{ messages | selectattr('weight', 'defined') | map(attribute='role') | join }}",
    "{{ messages | rejectattr('role', 'equalto', 'user') | map(attribute='role') | list }}{{ messages | selectattr('tool_calls') | list | length }}",
    "{{ messages | selectattr('role', 'in', ['user', 'system']) | map(attribute='content') | join('|') }}",
    "{% if messages | selectattr('role', 'equalto', 'nobody') %}always{% endif %}",
    "{{ messages | selectattr('role', 'eq', 'user') | first }}{{ (messages | map(attribute='role') | list)[::-1] }}",
    "{{ messages | map(attribute='tool_calls.0.name', default='-') | join(',') }}",
    "{{ messages | selectattr('role') | length }}",
    "{{ schema.items() | list }}|{{ schema['items'] }}|{{ schema.keys() | list }}|{{ schema['keys'] }}|{{ schema.get('get') }}",
    "{% for key, value in schema.items() %}{{ key }}={{ value }};{% endfor %}{% for key in schema %}{{ key }},{% endfor %}",
    "{% for c in 'a😀b' %}{{ c }}{{ loop.index }}{{ loop.cycle('x', 'y') }}{% endfor %}{{ 'a😀b' | length }}{{ 'a😀b'[1] }}{{ 'a😀b'[::-1] }}",
    "{% for x in missing %}a{% else %}empty{% endfor %}",
    "{% for x in none %}a{% endfor %}",
    "{% for x in [1, 2, 3] %}{{ x }}{% if x == 2 %}{% break %}{% endif %},{% endfor %}",
    "{% for x in [1, 2, 3] %}{{ x }}{% if x == 2 %}{% continue %}{% endif %},{% else %}none{% endfor %}",
    "{% for x in [1, 2] %}{% continue %}{% else %}none{% endfor %}",
    "{% for x in [1, 2] %}{{ y }}{% set y = x %}{{ y }}{% endfor %}{{ y }}",
    "{% set y = 0 %}{% for x in [1, 2] %}{% set y = y + x %}{% endfor %}{{ y }}",
    "{% set ns = namespace(n=0, s='') %}{% for x in [1, 2] %}{% set ns.n = ns.n + x %}{% endfor %}{{ ns.n }}{{ ns.s == false }}{{ ns.nothing is defined }}",
    "{% for a, b in [(1, 2), [3, 4]] %}{{ a }}{{ b }}{% endfor %}{% for a, b in ['xy'] %}{{ a }}{{ b }}{% endfor %}",
    "{% for m in messages if m.role != 'system' %}{{ loop.index }}{{ loop.first }}{{ loop.last }}{{ m.role }}{{ loop.previtem.role }}{{ loop.nextitem.role }}{% endfor %}",
    "{{ missing.attribute }}",
    "{{ none.attribute }}{{ none['x'] is defined }}",
    "{{ messages[0].missing.deeper }}",
    "{{ messages[9] is defined }}{{ messages[9].role is defined }}",
    "{{ missing + 'a' }}",
    "{{ 'a' + 1 }}",
    "{{ 'a' + ['b'] }}",
    "{{ 'a' + none }}",
    "{{ '%s and %d' % ('x', 3) }}{{ '%s' | format('y') }}",
    "{{ 'x' if missing else 'y' }}{{ 'x' if false }}",
    "{{ '' != false }}{{ '' == false }}{{ 0 == false }}{{ 1 == true }}{{ none == false }}{{ missing == none }}{{ [] == false }}{{ [1] == [1.0] }}{{ {'a': 1} == {'a': 1} }}",
    "{{ [1, [2]] in [[1, [2]]] }}{{ 'a' in messages[0] }}{{ 'role' in messages[0] }}{{ 'x' in missing }}{{ 1 in '1' }}",
    "{{ range(3) | list }}{{ range(5, 0, -2) | list }}{{ dict(a=1) }}{{ dict({'a': 2}, b=3) }}",
    "{% macro f(a, b='x') %}[{{ a }}{{ b }}]{% endmacro %}{{ f(1) }}{{ f(1, 2) }}{{ f(b=3, a=none) }}{{ f() }}",
    "{% macro f() %}<{{ caller() }}>{% endmacro %}{% call f() %}in {{ 1.0 }}{% endcall %}",
    "{% set x %}block {{ none }}{% endset %}{{ x }}{% set a, b = 1, 'c' %}{{ a }}{{ b }}",
    "{% filter upper %}a{{ true }}{% endfilter %}",
    "  {% if true %}\n  a\n  {% endif %}\n\n{%- if true -%}\n b \n{%- endif %}\n{# note #}\nend\n",
    "a\r\nb{% if true %}\r\nc\r\n{% endif %}\r\nd\r\n",
    "{% for m in messages %}{% generation %}{{ m.role }}\n{% endgeneration %}\n{% endfor %}|{%- generation -%} x {%- endgeneration -%} |",
    "{{ 'a' ~ none ~ true ~ 1.0 ~ [1] ~ missing }}",
    "{{ 7 // 2 }}{{ -7 // 2 }}{{ -7 % 3 }}{{ 7 % -3 }}{{ 7 / 2 }}{{ 6 / 2 }}{{ 2 ** 10 }}{{ 2 ** -1 }}{{ 7.5 // 2 }}{{ -7.5 % 2 }}{{ 2 ** 80 }}{{ 'ab' * 3 }}{{ [0] * 2 }}",
    "{{ 1 / 0 }}",
    "{{ [3, 1, 2] | sort | join(',') }}{{ ['b', 'A', 'c'] | sort }}{{ messages | sort(attribute='role') | map(attribute='role') | list }}{{ ['a', 1] | sort }}",
    "{{ messages | groupby('role') | map('first') | list }}",
    "{{ raise_exception('no') }}",
    "{{ messages[0]['content'].split('.')[0].upper() ~ messages[1].content.rstrip('\\n?') }}",
    "{{ ('a', 'b') }}{{ ('a',) }}{{ ['a', 'b'][-1:] }}{{ ('a', 'b')[0:1] }}",
    "{{ 'é\\n\\t\\\\ \\'' | tojson }}{{ ['é\\x07', '\\u200b', '\\u00a0'] }}{{ {'k': 'v'} | string }}",
    "{% set loop_messages = messages[1:] %}{% for m in loop_messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('order') }}{% endif %}{{ m.content | trim }}{% endfor %}",
    "{{ messages[-1].tool_calls[0].arguments | tojson }}{{ messages[-1].tool_calls[0].arguments }}{{ messages[-1].none is none }}{{ messages[-1].none is defined }}",
    "{{ 10 | string | int + 1 }}{{ '3.7' | int }}{{ 'x' | int(9) }}{{ 3.99 | int }}{{ -3.99 | int }}{{ '0x1f' | int(base=16) }}{{ ' 12 ' | int }}{{ '1_000' | int }}",
    "{{ 2.5 | round }}{{ 3.5 | round }}{{ 2.675 | round(2) }}{{ 1234.5 | round(-2) }}{{ 2.1 | round(0, 'ceil') }}{{ 5 | round(1) }}",
    "{{ 'a' in ('a',) }}{{ ('a', 'b',) }}{{ (1 + 1,) }}{{ 'x' if 'a' in ('a', 'b',) else 'y' }}{% for x in ('a',) %}{{ x }}{% endfor %}",
    "{{ 4 is divisibleby(2) and 3 is not divisibleby 2 or false }}{{ messages[0].role is in ['system'] }}{{ [4 is even, 'a' is eq 'a'] }}",
    "{{ bos_token }}{% for m in messages %}{{ m['role'] + ': ' + m.content | trim ~ loop.index0 }}\n{% endfor %}",
    '{% for m in messages if m.role != "system" %}{{ loop.first }}{{ loop.last }}{{ m.content }}{% else %}none{% endfor %}',
    '{% set ns = namespace(found=false, n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% if m.role == "user" %}{% set ns.found = true %}{% break %}{% endif %}{% endfor %}{{ ns.found }}{{ ns.n }}',
    '{% macro show(x, sep=", ") %}{% if x is mapping %}{% for k, v in x.items() %}{{ k }}={{ show(v) }}{{ sep }}{% endfor %}{% elif x is iterable and x is not string %}[{% for y in x %}{{ show(y, sep="; ") }}{% endfor %}]{% else %}{{ x }}{% endif %}{% endmacro %}{{ show(messages) }}',
    '{% for t in tools %}{{ t | tojson }}{{ t | tojson(indent=4) }}{{ t | tojson(separators=(",", ":"), sort_keys=true, ensure_ascii=true) }}{% endfor %}',
    '{{ messages | map(attribute="role") | join(", ") }}{{ messages | selectattr("role", "equalto", "user") | list | length }}{{ messages | rejectattr("role") | length }}',
    '{{ messages[0].content.replace("kind", "x").split(" ")[-1].upper() }}{{ messages[1:][::-1][0].role }}{{ "abc"[1:] }}{{ "a,b,c".split(",", 1) | join("|") }}',
    '{% filter upper %}a{{ messages[0].role }}b{% endfilter %}{% filter replace("a", "bb") %}banana{% endfilter %}{{ "a\nb" | indent(2, true) }}{{ "a\n\nb" | indent }}',
    '{% set x %}block {{ bos_token }}{% endset %}{{ x }}{{ x | length }}{% set a, b = 1, 2 %}{{ a + b }}{{ 2 ** 3 ** 2 }}{{ 7 // 2 }}{{ -7 % 3 }}{{ 1.5 + 1 }}',
    '{% macro wrap() %}<{{ caller("q") }}>{% endmacro %}{% call(v) wrap() %}in{{ v }}{% endcall %}',
    '{{ undefined_name }}{{ x is defined }}{{ none is none }}{{ undefined_name | default("d") }}{{ "a" in "cat" }}{{ "z" not in ["z"] }}{{ "role" in messages[0] }}{{ not true or false }}',
    '{% for i in range(3) %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% endfor %}{{ range(10, 0, -3) | list }}{{ [3, 1, 2] | sort(reverse=true) }}{{ {"b": 1, "a": 2} | dictsort }}',
    "{{ not missing }}{{ not '' and not none }}{{ missing or 'd' }}{{ none or 0 or 'z' }}{{ 'a' and 'b' }}",
]


def render(template):
    try:
        return _compile_jinja_template(template).render(**variables)
    except Exception:
        return None


def table(rows, columns, form):
    return [[render(form(row, column)) for column in columns] for row in rows]


dates = [datetime.datetime(2024, 2, 29, 0, 5, 9), datetime.datetime(2023, 12, 31, 12, 30), datetime.datetime(2025, 1, 1, 13, 0, 59)]
directives = "%a %A %b %B %d %e %H %I %j %m %M %p %S %u %U %w %W %y %Y %% %D %F %T %R %c %-d %-m %-H %-I %-j %d %b %Y"
golden = {
    "variables": json.dumps(variables),
    "values": values,
    "operators": [
        # The last digit of a power with a fraction is the machine's, and negative numbers have complex ones.
        {"operator": operator, "values": own, "results": table(own, own, lambda a, b: "{{ (%s) %s (%s) }}" % (a, operator, b))}
        for operator in operators
        for own in [[value for value in values if operator != "**" or value not in ("2.5", "-0.5")]]
    ],
    "filters": {"names": filters, "results": table(values, filters, lambda a, b: "{{ (%s) | %s }}" % (a, b))},
    "tests": {"names": tests, "results": table(values, tests, lambda a, b: "{{ (%s) is %s }}" % (a, b))},
    "methods": {"texts": texts, "names": methods, "results": table(texts, methods, lambda a, b: "{{ (%s).%s }}" % (a, b))},
    "slices": {"names": slices, "results": table(values, slices, lambda a, b: "{%% set v = %s %%}{{ v%s }}" % (a, b))},
    "unary": {"names": ["-", "+", "not "], "results": table(values, ["-", "+", "not "], lambda a, b: "{{ %s(%s) }}" % (b, a))},
    "templates": [{"template": template, "result": render(template)} for template in wholes],
    "dates": {"format": directives, "results": [[date.isoformat(), date.strftime(directives)] for date in dates]},
}
Path(sys.argv[1], "jinja.json").write_text(json.dumps(golden, ensure_ascii=True, separators=(",", ":")) + "\n")
