"""What Python's re says of patterns and names: writes test/fixtures/lora/patterns.json. Needs Python 3.11 alone."""
import json
import pathlib
import random
import re
import signal
import sys
import warnings

warnings.simplefilter("ignore")
random.seed(1)

NAMES = [
    "", "a", "b", "ab", "aab", "abb", "abc", "A", "Ab", "AB", "aa", "aaa", "aaaa", "ba", "a.b", "a\n", "ab\n", "\n", "a b", "a-b", "]", "[]", "^", "-", "{,2}", "a{,2}", "x{}",
    "0", "7", "42", "_", "a_1", "é", "É", "ß", "ſ", "K", "ı", "İ", "日本", "٣", "²", "½", "\u0301", "\u00a0", "\u2003", "\u200b", "\x1c", "\x0b", "\x08", "\x07", "\\", "/", "😀", "S",
    "#", "model.layers.0.self_attn.q_proj", "model.layers.11.self_attn.q_proj", "model.layers.3.mlp.up_proj", "model.layers.3.mlp.gate_proj", "lm_head", "MODEL.LAYERS.3.MLP.UP_PROJ",
    "transformer.h.2.attn.c_attn", "base.model.q_proj.x",
]

PATTERNS = [
    "a", "a|ab", "ab|a", "(a|ab)(c|bcd)?", "", "()", "(|a)+", "a*", "a+?", "a??b", "a{2}", "a{2,}", "a{,2}", "a{1,3}b{0,1}", "a{,}", "a{", "a{}", "x{}", "a{,2", "a{1", "{", "{,2}", "a{2}{3}", "a**",
    "a*+", "a++", "a?+", "a{2}+", "*a", "+", "?", "|*", "(*)", "^*", "$*", "\\b*", "(?:)*", "()*", "(?#c)*", "a(?#comment)*", "(?#unclosed", "(?#)", "[]]", "[]x]+", "[^]]", "[^]a]*", "[]", "[^]", "[[]", "[a",
    "[a-c]+", "[c-a]", "[a-]+", "[-a]+", "[a\\-b]+", "[\\d-z]", "[a-\\d]", "[--/]", "[\\]]", "[\\[\\]]+", "[\\b]", "[.]", "[$^]+", "[|]", "[&&]", "[a||b]", "[[:alpha:]]+", "[\\w.]+", "[\\W]", "[^\\W]+", "[^\\W\\d]+",
    "[\\W\\d]+", "[\\S ]+", "[^\\S]", "[\\D]", "[^\\D]", "\\d", "\\d+", "\\D", "\\w", "\\w+", "\\W", "\\s", "\\S+", "(?a)\\w", "(?a)\\d", "(?a)\\s", "(?a)\\W", "(?a)[\\W]", "(?a)[^\\w]", "(?a)[\\S]", "(?u)\\w",
    "(?a:\\w)", "(?au)\\w", "(?L)a", "(?i)a", "(?i)AB", "(?i)model\\.layers\\.3\\.mlp\\.up_proj", "(?i:A)b", "(?i)(?-i:A)b", "(?-i:A)", "(?i)[a-b]+", "(?i)[^a]", "(?i)s", "(?i)k", "(?i)\\u00e9", "a(?i)b", "(?i)(?s)a.", "(?is)a.",
    "(?i-i:a)", "(?s)a.", "a.", "(?s:a.)", "(?s-i:a.)", "(?m)^a$", "(?m)a$\\n^", "a$", "a$\\n", "a\\Z", "a\\Z\\n", "\\Aa", "^a", "a^b", "a$b", "^^a$$", "(?m:^)a", "(?x)a b # comment", "(?x)a\\ b", "(?x)[ ]", "(?x) a {2}",
    "(?x:a b)c", "(?xi)A b", "\\x41", "\\x4", "\\u0041", "\\U0001F600", "\\U00110000", "\\u65e5.", "\\N{LATIN SMALL LETTER A}", "\\0", "\\07", "\\007", "\\101", "\\1", "(a)\\1", "(a)\\2", "(?P<n>a)(?P=n)", "\\8", "[\\101]",
    "[\\7]", "[\\8]", "[\\377]", "[\\400]", "\\377", "\\400", "\\a", "\\f\\n\\r\\t\\v", "\\v", "\\e", "\\z", "\\p{L}", "\\q", "\\Q", "\\-", "\\.", "a\\.b", "\\_", "\\/", "\\#", "\\ ", "\\é", "\\", "[\\", "\\ba\\b",
    "\\Ba\\B", "a\\b-\\bb", "\\b", ".", "..", ".*", ".*?", ".+b", "(?P<n>a)", "(?P<n>a)|(?P<n>b)", "(?P<1>a)", "(?P<>a)", "(?P<n", "(?P>n)", "(?P<é>a)", "(?<n>a)", "(?'n'a)", "(?:a|b)+", "(?:a", "a)", "(", ")", "((((a))))",
    "(?=a)a", "(?!b)a", "(?<=a)b", "(?<!a)b", "(?>a)b", "(a)?(?(1)b|c)", "(?R)", "(?&n)", "(?|a|b)", "(?i", "(?i)", "(?z)a", "(?i-:a)", "(?-:a)", "(?:a)(?i:B)", "(a)(b)(c)?", "q_proj", ".*q_proj", ".*\\.(q|v)_proj",
    "model\\.layers\\.(\\d+)\\.self_attn\\.(q|k|v|o)_proj", "model\\.layers\\.[0-9]\\..*", ".*\\.layers\\.(?:0|11)\\..*", "(?P<idx>\\d+)", ".*(mlp|self_attn).*(up|q)_proj", "(a*)*b", "(a|a)*c", "😀", ".😀?",
    "[😀]", "[^😀]", "[😀-😂]", "[a-z😀]+", "日本", "[日-本]+", "日{1}本", "\\\\", "[\\\\]", "(?:a{2}){2}", "(a+|b+)*", "a|", "|a", "||", "a||b", "(?s).*", "(?m)$", "(?m)^", "$", "^", "\\A\\Z", "\\n", "[\\n]", "[^a]", "[^\\n]",
]

ATOMS = ["a", "b", ".", "[ab]", "[^a]", "\\w", "\\d", "\\s", "\\.", "(a|b)", "(?:ab)", "[]a]", "(?i:a)", "^", "$", "\\Z", "_", "0", "(?P<n>b)", "\\S", "[\\w-]", "|", "(?#x)"]
QUANTIFIERS = ["", "", "", "*", "+", "?", "{2}", "{,2}", "{1,}", "*?", "+?", "{", "{}"]
RANDOM = ["".join(random.choice(ATOMS) + random.choice(QUANTIFIERS) for _ in range(random.randint(1, 5))) for _ in range(300)]


def row(pattern):
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, ValueError):
        return {"pattern": pattern, "matches": None}
    return {"pattern": pattern, "matches": [index for index, name in enumerate(NAMES) if compiled.fullmatch(name)]}


def in_time(pattern):
    """A row, or None where Python's own engine backtracks for more than a second."""
    def stop(*_):
        raise TimeoutError
    signal.signal(signal.SIGALRM, stop)
    signal.alarm(1)
    try:
        return row(pattern)
    except TimeoutError:
        return None
    finally:
        signal.alarm(0)


rows = [found for found in map(in_time, dict.fromkeys(PATTERNS + RANDOM)) if found is not None]
target = pathlib.Path(__file__).parent.parent / "fixtures" / "lora" / "patterns.json"
lines = ",\n".join(json.dumps(row) for row in rows)
target.write_text(f'{{"python": "{sys.version.split()[0]}", "names": {json.dumps(NAMES)}, "rows": [\n{lines}\n]}}\n')
