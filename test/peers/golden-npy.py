"""Makes test/fixtures/npy/headers.json: small .npy files, whole and damaged, each with NumPy's verdict.

    python3 -m venv /tmp/numpy && /tmp/numpy/bin/pip install numpy==2.4.6
    /tmp/numpy/bin/python test/peers/golden-npy.py test/fixtures/npy/headers.json

With `--mutations N` it writes N seeded mutations of them instead.
"""

import argparse
import base64
import io
import json
import os
import random
import tempfile
import warnings

import numpy as np

warnings.simplefilter('ignore')
GOOD = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }"
VALUES = np.arange(6, dtype='<f8') / 2


def file_of(text, version=(1, 0), values=VALUES.tobytes(), pad=True, length=None, encoding=None):
    encoding = encoding or ('utf8' if version == (3, 0) else 'latin1')
    header = text.encode(encoding) if isinstance(text, str) else text
    fixed = 10 if version[0] == 1 else 12
    if pad:
        header += b' ' * (-(fixed + len(header) + 1) % 64) + b'\n'
    size = len(header) if length is None else length
    return b'\x93NUMPY' + bytes(version) + size.to_bytes(2 if version[0] == 1 else 4, 'little') + header + values


def with_shape(shape, descr='<f8', order='False'):
    return f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}"


def cases():
    saved = io.BytesIO()
    np.save(saved, VALUES.reshape(2, 3))
    yield 'as numpy.save writes it', saved.getvalue()
    for version in [(1, 0), (2, 0), (3, 0), (0, 0), (1, 1), (2, 1), (3, 1), (4, 0), (255, 255)]:
        yield f'version {version}', file_of(GOOD, version)
    yield 'no padding', file_of(GOOD, pad=False)
    yield 'no padding but a line end', file_of(GOOD + '\n', pad=False)
    yield 'tabs and line ends at the end', file_of(GOOD + ' \t\n \n\t', pad=False)
    yield 'a carriage return at the end', file_of(GOOD + '\r\n', pad=False)
    yield 'a NUL at the end', file_of(GOOD + '\0', pad=False)
    yield 'blanks before', file_of('  \t' + GOOD)
    yield 'a line end before', file_of('\n' + GOOD)
    yield 'something after', file_of(GOOD + ' x')
    yield 'a second dictionary', file_of(GOOD + ', {}')
    yield 'a comment', file_of(GOOD + ' # remark')
    yield 'line ends within', file_of(GOOD.replace(' ', '\n'))
    yield 'a form feed within', file_of(GOOD.replace(' ', '\f', 1))
    yield 'no spaces', file_of(GOOD.replace(' ', ''))
    yield 'no comma at the end', file_of(GOOD.replace(', }', '}'))
    yield 'two commas at the end', file_of(GOOD.replace(', }', ',, }'))
    yield 'a comma first', file_of('{, ' + GOOD[1:])
    yield 'no comma between', file_of(GOOD.replace("'<f8',", "'<f8'"))
    yield 'no colon', file_of(GOOD.replace("'descr':", "'descr'"))
    yield 'no brace at the end', file_of(GOOD[:-1])
    yield 'parentheses around', file_of(f'({GOOD})')
    yield 'a list', file_of(f'[{GOOD}]')
    yield 'dict()', file_of("dict(descr='<f8', fortran_order=False, shape=(2, 3))")
    yield 'empty header', file_of('', pad=False)
    yield 'blank header', file_of('')
    yield 'an empty dictionary', file_of('{}')
    yield 'another order of keys', file_of("{'shape': (2, 3), 'fortran_order': False, 'descr': '<f8'}")
    yield 'double quotes', file_of(GOOD.replace("'", '"'))
    yield 'mixed quotes', file_of(GOOD.replace("'descr'", "'descr\""))
    yield 'triple quotes', file_of(GOOD.replace("'<f8'", "'''<f8'''"))
    yield 'strings side by side', file_of(GOOD.replace("'<f8'", "'<f' '8'"))
    yield 'an escape', file_of(GOOD.replace("'<f8'", "'\\x3cf8'"))
    yield 'a raw string', file_of(GOOD.replace("'<f8'", "r'<f8'"))
    yield 'bytes', file_of(GOOD.replace("'<f8'", "b'<f8'"))
    yield 'no quotes', file_of(GOOD.replace("'<f8'", '<f8'))
    yield 'a key too many', file_of(GOOD.replace('}', "'extra': 1}"))
    yield 'a key too few', file_of("{'descr': '<f8', 'fortran_order': False}")
    yield 'a key twice, alike', file_of(GOOD.replace('}', "'descr': '<f8'}"))
    yield 'a key twice, different', file_of(GOOD.replace('}', "'shape': (6,)}"))
    yield 'a key in capitals', file_of(GOOD.replace('descr', 'Descr'))
    yield 'a key with a blank', file_of(GOOD.replace("'shape'", "'shape '"))
    yield 'a key that objects inherit', file_of(GOOD.replace("'shape'", "'__proto__'"))
    for order in ['True', 'true', 'FALSE', '0', '1', 'None', "'False'", 'not True', '(False)', 'False,']:
        yield f'fortran_order {order}', file_of(with_shape('(2, 3)', order=order))
    shapes = [
        '(6,)', '(6)', '6', '[2, 3]', '(2 3)', '(2, 3,)', '(2, 3,,)', '(,)', '()', '( 2 , 3 )', '(2,3', '2, 3', '(2, 3))', '(2, 3.0)', '(2, 3L)', '(6L,)', '(2, 3l)',
        '(2, 03)', '(2, 0x3)', '(2, 0b11)', '(2, +3)', '(-2, -3)', '(2, -1)', '(-1,)', '(True, 6)', '(None, 6)', "('2', 3)", '(2, 3_0)', '(1_0,)', '(2, 1e0)', '(2, 3j)',
        '(1, 1, 2, 3)', '(2, (3,))', '((2, 3))', '(2**1, 3)', '(1 + 1, 3)', '(0,)', '(0, 3)', '(5,)', '(7,)', '(1000000000, 1000000000)', '(4294967296, 4294967296)',
        '(18446744073709551616, 0)', '(0, 9223372036854775807)', '(2147483648, 0)', '(9007199254740993,)', '(6, ' + '1, ' * 40 + ')', '(٢, 3)', '(2,\n3)', '(2,\t3)', '(0, 2000000000, 2000000000)',
    ]
    for shape in shapes:
        yield f'shape {shape}'.replace('\n', '\\n').replace('\t', '\\t')[:60], file_of(with_shape(shape), (3, 0) if not shape.isascii() else (1, 0))
    for descr in ['<f8', '<f4', '<i8', '<i4', '|u1', '>f8', '=f8', 'f8', 'float64', 'd', '<u8', '<f2', '<c16', '|O', 'O', '<U3', '|S8', '|V8', '|b1', '<M8[ns]', '', '<f9', 'f8,f8', ' <f8', '<f8 ', '<F8', '|f8', 'constructor']:
        yield f'descr {descr!r}', file_of(with_shape('(3,)', descr), values=VALUES.tobytes()[: 3 * 8])
    yield 'a record', file_of("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (6,), }")
    yield 'column-major', file_of(with_shape('(2, 3)', order='True'))
    yield 'a header longer than the file', file_of(GOOD, length=1000)
    yield 'a header of 4 GB', file_of(GOOD, (2, 0), length=2**32 - 1)
    yield 'a header length that ends within', file_of(GOOD, length=40)
    yield '10000 characters', file_of(GOOD + ' ' * (10000 - len(GOOD)), pad=False)
    yield '10001 characters', file_of(GOOD + ' ' * (10001 - len(GOOD)), pad=False)
    yield '10001 characters, version 2', file_of(GOOD + ' ' * (10001 - len(GOOD)), (2, 0), pad=False)
    yield 'values missing', file_of(GOOD, values=VALUES.tobytes()[:-8])
    yield 'a part of a value missing', file_of(GOOD, values=VALUES.tobytes()[:-3])
    yield 'values too many', file_of(GOOD, values=VALUES.tobytes() + b'12345678')
    yield 'no values', file_of(GOOD, values=b'')
    yield 'bytes that are not UTF-8', file_of(GOOD.replace("'<f8'", "'é'"), (3, 0), encoding='latin1')
    yield 'a byte order mark', file_of('\ufeff' + GOOD, (3, 0))
    yield 'a mathematical letter that Python reads as an ASCII one', file_of(GOOD.replace('False', '𝐅alse'), (3, 0))
    yield 'another magic', b'\x93NUMPZ' + file_of(GOOD)[6:]
    yield 'magic in UTF-8', '\x93NUMPY'.encode() + file_of(GOOD)[6:]
    for size in [0, 1, 5, 6, 7, 8, 9, 10, 11]:
        yield f'the first {size} bytes', file_of(GOOD)[:size]
    yield 'NaN and infinity', file_of(with_shape('(3,)'), values=np.array([np.nan, np.inf, -np.inf]).tobytes())


def verdict(content):
    """The shape and the values as float64, or None where NumPy refuses."""
    handle, name = tempfile.mkstemp(suffix='.npy')
    try:
        with os.fdopen(handle, 'wb') as file:
            file.write(content)
        array = np.load(name, allow_pickle=False)
        if not isinstance(array, np.ndarray) or array.dtype.kind not in 'fiub':
            return {'type': str(getattr(array, 'dtype', type(array)))}
        values = array.astype(np.float64).ravel()
        return {'shape': list(array.shape), 'values': [float(v) if np.isfinite(v) else str(v) for v in values[:50]]}
    except Exception:  # NumPy lets errors of Python's parser through besides its own.
        return None
    finally:
        os.unlink(name)


def mutated(content, rng):
    data = bytearray(content)
    scraps = [b'(', b')', b',', b':', b"'", b'"', b'{', b'}', b' ', b'\n', b'\t', b'\r', b'\0', b'0', b'1', b'L', b'_', b'-', b'+', b'.', b'True', b'False', b'#', b'\\', b'u', b'b', b'\xff', b'\xc2\xa0', b'\x0c', b'2,', b'()']
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(data) + 1) if rng.random() < 0.2 else min(len(data), rng.randrange(6, 74))
        kind = rng.randrange(4)
        if kind == 0:
            data[at : at + 1] = rng.choice(scraps)
        elif kind == 1:
            data[at:at] = rng.choice(scraps)
        elif kind == 2:
            del data[at : at + rng.randint(1, 4)]
        elif at < len(data):
            data[at] = rng.randrange(256)
    # Most mutations of the length only end within the dictionary; keeping it right tries the parser.
    if rng.random() < 0.7 and len(data) > 60:
        end = data.find(b'\n', 10)
        if end > 0 and data[6] == 1:
            data[8:10] = (end + 1 - 10).to_bytes(2, 'little')
    return bytes(data)


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('out')
    parser.add_argument('--mutations', type=int)
    parser.add_argument('--seed', type=int, default=0)
    options = parser.parse_args()
    files = list(cases())
    if options.mutations is not None:
        rng = random.Random(options.seed)
        sources = [content for _, content in files if len(content) < 1000 and verdict(content) is not None]
        files = [(f'mutation {k}', mutated(rng.choice(sources), rng)) for k in range(options.mutations)]
    table = [{'name': name, 'file': base64.b64encode(content).decode(), 'numpy': verdict(content)} for name, content in files]
    with open(options.out, 'w') as out:
        out.write('[\n' + ',\n'.join(json.dumps(row) for row in table) + '\n]\n')
    print(len(table), 'files,', sum(row['numpy'] is not None for row in table), 'accepted by NumPy', np.__version__)
