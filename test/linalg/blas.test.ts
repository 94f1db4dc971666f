/**
 * The kernels over BLAS and LAPACK against the TypeScript ones, and the loader. Where the machine has no library, the
 * tests of the kernels assert instead that the status says why and what to do; the loader's tests need none.
 */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Random, seededRandom } from '../../src/core/random.js';
import { blasKernels, loadBlasKernels } from '../../src/linalg/host/blas/blas-kernels.js';
import { blasStatus, loadBlasLibrary } from '../../src/linalg/host/blas/blas-library.js';
import { bindLapack, type Lapack } from '../../src/linalg/host/blas/lapack.js';
import type { HostKernels, MatrixView } from '../../src/linalg/host/kernels.js';
import { typescriptKernels } from '../../src/linalg/host/typescript-kernels.js';

const alwaysNative = { gemm: 0, qr: 0, svd: 0, eigh: 0, cholesky: 0, solveTriangular: 0 };

/** Native kernels at every size: once as bound, once as over a LAPACK without the compact QR, such as Accelerate's. */
function nativeVariants(): Record<string, HostKernels> {
  const library = loadBlasLibrary();
  if (library === undefined) return {};
  const lapack = bindLapack(library);
  return {
    compact: blasKernels(library, lapack, typescriptKernels, alwaysNative),
    classic: blasKernels(library, { ...lapack, compact: false }, typescriptKernels, alwaysNative),
  };
}

const variants = nativeVariants();

function normals(random: Random, length: number): Float64Array {
  return Float64Array.from({ length }, () => random.normal());
}

/** A matrix product by its definition. */
function multiply(m: number, n: number, k: number, a: Float64Array, b: Float64Array): Float64Array {
  const c = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) for (let p = 0; p < k; p++) c[i * n + j] += a[i * k + p] * b[p * n + j];
  }
  return c;
}

function transpose(m: number, n: number, a: Float64Array): Float64Array {
  return Float64Array.from({ length: m * n }, (_, index) => a[(index % m) * n + Math.floor(index / m)]);
}

function scaleColumns(n: number, a: Float64Array, d: Float64Array): Float64Array {
  return a.map((entry, index) => entry * d[index % n]);
}

function largest(a: Float64Array): number {
  return a.reduce((maximum, entry) => Math.max(maximum, Math.abs(entry)), 0);
}

/** max |a − b| ≤ 100 ε (m + n) scale. */
function expectClose(a: Float64Array, b: Float64Array, size: number, scale: number): void {
  expect(a.length).toBe(b.length);
  const error = largest(a.map((entry, index) => entry - b[index]));
  expect(error, `largest difference, at scale ${scale}`).toBeLessThanOrEqual(100 * Number.EPSILON * size * scale);
}

function expectOrthonormalColumns(m: number, n: number, a: Float64Array): void {
  const identity = Float64Array.from({ length: n * n }, (_, index) => (index % (n + 1) === 0 ? 1 : 0));
  expectClose(multiply(n, n, m, transpose(m, n, a), a), identity, m + n, 1);
}

/** What the contents of a matrix may be. */
const contents = ['full', 'deficient', 'zero', 'huge', 'tiny', 'repeated'] as const;
type Content = (typeof contents)[number];

function build(content: Content, m: number, n: number, seed: number): Float64Array {
  const random = seededRandom(seed);
  if (content === 'zero') return new Float64Array(m * n);
  if (content === 'repeated') return Float64Array.from({ length: m * n }, (_, index) => (Math.floor(index / n) === index % n ? 3 : 0));
  if (content === 'deficient') {
    const rank = Math.max(1, Math.floor(Math.min(m, n) / 2));
    return multiply(m, n, rank, normals(random, m * rank), normals(random, rank * n));
  }
  const scale = content === 'huge' ? 1e200 : content === 'tiny' ? 1e-200 : 1;
  return normals(random, m * n).map((entry) => scale * entry);
}

const cases = fc.record({
  m: fc.integer({ min: 1, max: 70 }),
  n: fc.integer({ min: 1, max: 70 }),
  k: fc.integer({ min: 1, max: 40 }),
  seed: fc.nat(),
  content: fc.constantFrom(...contents),
});
const runs = { numRuns: 150 };

/** Factors matrices, m×n with p = min(m, n), which must come through as they were. */
function checkFactors(check: (m: number, n: number, p: number, a: Float64Array) => void): void {
  fc.assert(
    fc.property(cases, ({ m, n, seed, content }) => {
      const a = build(content, m, n, seed);
      const before = a.slice();
      check(m, n, Math.min(m, n), a);
      expect(a).toEqual(before);
    }),
    runs,
  );
}

if (Object.keys(variants).length === 0) {
  describe('without a BLAS library', () => {
    it('says why, and what to do', () => {
      expect(loadBlasKernels(typescriptKernels)).toBeUndefined();
      expect(blasStatus()).toEqual({ available: false, reason: expect.stringMatching(/install|BURES_BLAS/) });
    });
  });
}

describe.each(Object.entries(variants))('native kernels (%s)', (variant, native) => {
  it('multiply as the TypeScript kernel does, whatever the strides', () => {
    fc.assert(
      fc.property(cases, fc.integer({ min: 0, max: 7 }), fc.integer({ min: 0, max: 7 }), ({ m, n, k, seed }, formA, formB) => {
        const random = seededRandom(seed);
        const a = stridedView(random, m, k, formA);
        const b = stridedView(random, k, n, formB);
        const wanted = new Float64Array(m * n + 3);
        const got = new Float64Array(m * n + 3).fill(Number.NaN);
        typescriptKernels.gemm(m, n, k, a, b, wanted, 2);
        native.gemm(m, n, k, a, b, got, 2);
        expect([got[0], got[1], got[m * n + 2]]).toEqual([Number.NaN, Number.NaN, Number.NaN]);
        expectClose(got.subarray(2, -1), wanted.subarray(2, -1), m + n + k, k);
      }),
      runs,
    );
  });

  it('give zero for an empty sum, and carry NaN and infinity where IEEE arithmetic does', () => {
    const c = new Float64Array(4).fill(7);
    const empty = { data: new Float64Array(0), offset: 0, rowStride: 1, columnStride: 1 };
    native.gemm(2, 2, 0, empty, empty, c, 0);
    expect([...c]).toEqual([0, 0, 0, 0]);
    const a = { data: Float64Array.of(Number.NaN, 1, 1, Number.POSITIVE_INFINITY), offset: 0, rowStride: 2, columnStride: 1 };
    const b = { data: Float64Array.of(1, 0, 1, 1), offset: 0, rowStride: 2, columnStride: 1 };
    native.gemm(2, 2, 2, a, b, c, 0);
    expect([...c]).toEqual([Number.NaN, Number.NaN, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]);
  });

  it('factor A = Q R with orthonormal Q and diag(R) ≥ 0', () => {
    checkFactors((m, n, p, a) => {
      const q = new Float64Array(m * p).fill(Number.NaN);
      const r = new Float64Array(p * n).fill(Number.NaN);
      native.qr(m, n, a, q, r);
      expectOrthonormalColumns(m, p, q);
      for (let i = 0; i < p; i++) {
        expect(r[i * n + i]).toBeGreaterThanOrEqual(0);
        for (let j = 0; j < i; j++) expect(r[i * n + j]).toBe(0);
      }
      expectClose(multiply(m, n, p, q, r), a, m + n, largest(a));
    });
  });

  it('factor A = U S Vᵀ as the TypeScript kernel does', () => {
    checkFactors((m, n, p, a) => {
      const [u, s, v] = [m * p, p, n * p].map((length) => new Float64Array(length).fill(Number.NaN));
      native.svd(m, n, a, u, s, v);
      expectOrthonormalColumns(m, p, u);
      expectOrthonormalColumns(n, p, v);
      for (let i = 0; i < p; i++) expect(s[i]).toBeLessThanOrEqual(i === 0 ? Number.POSITIVE_INFINITY : s[i - 1]);
      expect(s[p - 1]).toBeGreaterThanOrEqual(0);
      expectClose(multiply(m, n, p, scaleColumns(p, u, s), transpose(n, p, v)), a, m + n, s[0]);
      const [u2, s2, v2] = [m * p, p, n * p].map((length) => new Float64Array(length));
      typescriptKernels.svd(m, n, a, u2, s2, v2);
      expectClose(s, s2, m + n, s[0]);
    });
  });

  it('decompose a symmetric matrix from its lower triangle', () => {
    fc.assert(
      fc.property(cases, ({ n, seed, content }) => {
        const square = build(content, n, n, seed);
        const symmetric = square.map((entry, index) => entry + square[(index % n) * n + Math.floor(index / n)]);
        const [values, vectors, wanted, scratch] = [n, n * n, n, n * n].map((length) => new Float64Array(length).fill(Number.NaN));
        native.eigh(n, withUpper(n, symmetric, Number.NaN), values, vectors);
        typescriptKernels.eigh(n, symmetric, wanted, scratch);
        expectOrthonormalColumns(n, n, vectors);
        const size = Math.max(largest(values), largest(symmetric));
        expectClose(values, wanted, n, size);
        expectClose(multiply(n, n, n, scaleColumns(n, vectors, values), transpose(n, n, vectors)), symmetric, n, size);
      }),
      runs,
    );
  });

  it('take the Cholesky factor from the lower triangle, or name the minor that fails', () => {
    fc.assert(
      fc.property(cases, ({ n, seed }) => {
        const root = normals(seededRandom(seed), n * n);
        const positive = multiply(n, n, n, root, transpose(n, n, root)).map((entry, index) => entry + (index % (n + 1) === 0 ? 1 : 0));
        const l = new Float64Array(n * n).fill(Number.NaN);
        expect(native.cholesky(n, withUpper(n, positive, Number.NaN), l)).toBe(0);
        expect(l).toEqual(withUpper(n, l, 0));
        expectClose(multiply(n, n, n, l, transpose(n, n, l)), positive, n, largest(positive));
        const failing = Math.ceil(n / 2);
        positive[(failing - 1) * (n + 1)] = -1;
        expect(native.cholesky(n, positive, l)).toBe(failing);
        expect(typescriptKernels.cholesky(n, positive, l)).toBe(failing);
      }),
      runs,
    );
  });

  it('solve with either triangle, from either side, transposed or not', () => {
    fc.assert(
      fc.property(cases, fc.boolean(), fc.boolean(), fc.boolean(), ({ n, k, seed }, lower, transposed, right) => {
        const random = seededRandom(seed);
        const triangle = normals(random, n * n).map((entry, index) => (index % (n + 1) === 0 ? n + 3 + entry : entry));
        const wanted = normals(random, n * k);
        const got = wanted.slice();
        typescriptKernels.solveTriangular(n, k, triangle, wanted, lower, transposed, right);
        native.solveTriangular(n, k, triangle, got, lower, transposed, right);
        expectClose(got, wanted, n + k, largest(wanted));
      }),
      runs,
    );
  });

  it.each([
    [600, 40],
    [40, 600],
    [300, 150],
    [200, 190],
  ])('factor %i×%i, past every change of method', (m, n) => {
    const a = build('full', m, n, 5);
    const p = Math.min(m, n);
    const [q, r, u, s, v] = [m * p, p * n, m * p, p, n * p].map((length) => new Float64Array(length));
    native.qr(m, n, a, q, r);
    expectOrthonormalColumns(m, p, q);
    expectClose(multiply(m, n, p, q, r), a, m + n, 1);
    native.svd(m, n, a, u, s, v);
    expectOrthonormalColumns(m, p, u);
    expectOrthonormalColumns(n, p, v);
    expectClose(multiply(m, n, p, scaleColumns(p, u, s), transpose(n, p, v)), a, m + n, s[0]);
  });

  it.each([...contents, 'graded', 'close', 'nearly dependent'] as const)('factor tall matrices of every kind: %s', (content) => {
    const [m, n] = [500, 12];
    const a =
      content === 'graded' || content === 'close' || content === 'nearly dependent' ? build('full', m, n, 9) : build(content, m, n, 9);
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        if (content === 'graded') a[i * n + j] *= 10 ** (-10 * j);
        // Products alone would lose 5 digits, and then all of them: the Gram matrix has the square of the condition
        // number.
        if (content === 'close' && j > 0) a[i * n + j] = a[i * n] + 1e-5 * a[i * n + j];
        if (content === 'nearly dependent' && j > 0) a[i * n + j] = a[i * n] + 1e-12 * a[i * n + j];
      }
    }
    const q = new Float64Array(m * n).fill(Number.NaN);
    const r = new Float64Array(n * n).fill(Number.NaN);
    native.qr(m, n, a, q, r);
    expectOrthonormalColumns(m, n, q);
    for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) expect(r[i * n + j] === 0).toBe(true);
    const product = multiply(m, n, n, q, r);
    for (let j = 0; j < n; j++) {
      const column = (b: Float64Array): Float64Array => b.filter((_, index) => index % n === j);
      expectClose(column(product), column(a), m + n, largest(column(a)));
    }
  });

  it('leave to the fallback what is small', () => {
    const library = loadBlasLibrary();
    if (library === undefined) throw new Error('there was a library when the variants were made');
    const called: string[] = [];
    const fallback = new Proxy(typescriptKernels, {
      get: (kernels, name) => {
        called.push(String(name));
        return Reflect.get(kernels, name);
      },
    });
    const never = { gemm: 1e9, qr: 1e9, svd: 1e9, eigh: 1e9, cholesky: 1e9, solveTriangular: 1e9 };
    const kernels = blasKernels(library, bindLapack(library), fallback, never);
    callAll(kernels);
    expect(called).toEqual(['gemm', 'qr', 'svd', 'eigh', 'cholesky', 'solveTriangular']);
    called.length = 0;
    callAll(native);
    expect(called, variant).toEqual([]);
  });
});

describe.each(Object.keys(variants).slice(0, 1))('where LAPACK does not converge', () => {
  it.each(['qr iteration', 'fallback'])('the %s takes over', (rescuer) => {
    const library = loadBlasLibrary();
    if (library === undefined) throw new Error('there was a library when the variants were made');
    const lapack = bindLapack(library);
    const spoil = (x: Float64Array): boolean => {
      x.fill(Number.NaN);
      return false;
    };
    const failing: Lapack = {
      ...lapack,
      gesdd: (_m, _n, x) => spoil(x),
      gesvd: rescuer === 'fallback' ? (_m, _n, x) => spoil(x) : lapack.gesvd,
      syevd: (_n, x) => spoil(x),
    };
    const kernels = blasKernels(library, failing, typescriptKernels, alwaysNative);
    for (const [m, n] of [
      [9, 7],
      [60, 20],
      [20, 60],
    ]) {
      const a = build('full', m, n, 3);
      const p = Math.min(m, n);
      const [u, s, v] = [m * p, p, n * p].map((length) => new Float64Array(length));
      kernels.svd(m, n, a, u, s, v);
      expectClose(multiply(m, n, p, scaleColumns(p, u, s), transpose(n, p, v)), a, m + n, s[0]);
    }
    const [values, vectors] = [2, 4].map((length) => new Float64Array(length));
    kernels.eigh(2, Float64Array.of(2, 0, 0, 1), values, vectors);
    expect([...values]).toEqual([1, 2]);
  });

  it('an argument that LAPACK rejects is an error that names the routine', () => {
    const library = loadBlasLibrary();
    if (library === undefined) throw new Error('there was a library when the variants were made');
    const lapack = bindLapack(library);
    expect(() => lapack.potrf(-1, new Float64Array(1))).toThrow(/^dpotrf: expected LAPACK to return info = 0, got -2;/);
  });
});

describe('the loader', () => {
  const directory = path.resolve(import.meta.dirname, '../../src/linalg/host');

  /** Runs a program in a process of its own, with its result as JSON. */
  async function inProcess(program: string, environment: Record<string, string>, ...options: string[]): Promise<unknown> {
    const source = `
      import { blasStatus } from '${directory}/blas/blas-library.ts';
      import { loadBlasKernels } from '${directory}/blas/blas-kernels.ts';
      import { hostAlgebra } from '${directory}/host-algebra.ts';
      import { typescriptKernels } from '${directory}/typescript-kernels.ts';
      console.log(JSON.stringify(${program}));`;
    const { BURES_BLAS: _ours, OPENBLAS_CORETYPE: _core, ...inherited } = process.env;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--import', 'tsx', ...options, '--input-type=module', '--eval', source],
      { env: { ...inherited, ...environment }, cwd: path.resolve(import.meta.dirname, '../..') },
    );
    return JSON.parse(stdout);
  }

  it('is switched off by BURES_BLAS=off', async () => {
    const program = '[blasStatus(), loadBlasKernels(typescriptKernels) === undefined]';
    expect(await inProcess(program, { BURES_BLAS: 'off' })).toEqual([
      { available: false, reason: 'BURES_BLAS=off; unset it to use a BLAS library' },
      true,
    ]);
  });

  it('makes an engine that requires BLAS fail with the reason, and others do without', async () => {
    const program = `[hostAlgebra().name, (() => { try { return hostAlgebra({ blas: 'require' }).name; } catch (error) { return [error.name, error.message]; } })()]`;
    expect(await inProcess(program, { BURES_BLAS: 'off' })).toEqual(['host', ['BackendError', expect.stringContaining('BURES_BLAS=off')]]);
  });

  it('names the path that cannot be loaded, and does not look elsewhere', async () => {
    const status = await inProcess('blasStatus()', { BURES_BLAS: '/nowhere/libblas.so' });
    expect(status).toEqual({ available: false, reason: expect.stringMatching(/^BURES_BLAS=\/nowhere\/libblas\.so: .+; set BURES_BLAS/) });
  });

  it('says what is missing where the library is not a BLAS', async () => {
    const koffiBinary = process.platform === 'linux' ? 'libm.so.6' : 'libSystem.dylib';
    const status = await inProcess('blasStatus()', { BURES_BLAS: koffiBinary });
    expect(status).toEqual({ available: false, reason: expect.stringContaining('lacks cblas_dgemm') });
  });

  it('tells how to install koffi where it is missing', async () => {
    const hide = `const Module = require('node:module'); const resolve = Module._resolveFilename;
      Module._resolveFilename = function (name, ...rest) { if (name === 'koffi') throw new Error("Cannot find module 'koffi'"); return resolve.call(this, name, ...rest); };`;
    const hook = `data:text/javascript,${encodeURIComponent(`import { createRequire } from 'node:module'; const require = createRequire('/'); ${hide}`)}`;
    const status = await inProcess('blasStatus()', {}, '--import', hook);
    expect(status).toEqual({
      available: false,
      reason: "the optional package 'koffi' cannot be loaded (Cannot find module 'koffi'); run npm install koffi",
    });
  });

  it('loads nothing before it is asked, and then what BURES_BLAS names', async () => {
    const here = blasStatus();
    if (!here.available || here.library === undefined) {
      expect(here.reason).toMatch(/install|BURES_BLAS/);
      return;
    }
    const status = await inProcess('blasStatus()', { BURES_BLAS: here.library });
    expect(status).toMatchObject({ available: true, library: here.library });
    expect(await inProcess('process.report.getReport().sharedObjects.filter((file) => file.includes("blas"))', {})).toEqual([]);
  });

  it('keeps the kernel set that OPENBLAS_CORETYPE asks for, and leaves no trace of its own choice', async () => {
    const here = blasStatus();
    if (here.core === undefined) {
      expect(here.library ?? here.reason).toBeDefined();
      return;
    }
    const program = '[blasStatus().core, process.env.OPENBLAS_CORETYPE ?? null]';
    const asked = process.env.OPENBLAS_CORETYPE;
    expect(await inProcess(program, asked ? { OPENBLAS_CORETYPE: asked } : {})).toEqual([here.core, asked || null]);
    expect(await inProcess(program, {})).toEqual([expect.any(String), null]);
    if (process.arch === 'x64') expect(await inProcess(program, { OPENBLAS_CORETYPE: 'Prescott' })).toEqual(['Prescott', 'Prescott']);
  });
});

/** A random matrix by rows or columns, contiguous, with gaps, or with steps between entries. */
function stridedView(random: Random, rows: number, columns: number, form: number): MatrixView {
  const gap = form & 1 ? 2 : 0;
  const step = form & 2 ? 3 : 1;
  const byColumns = (form & 4) !== 0;
  const [lines, length] = byColumns ? [columns, rows] : [rows, columns];
  const between = length * step + gap;
  const data = normals(random, lines * between + 5);
  const [rowStride, columnStride] = byColumns ? [step, between] : [between, step];
  return { data, offset: 5, rowStride, columnStride };
}

function withUpper(n: number, a: Float64Array, entry: number): Float64Array {
  return a.map((old, index) => (index % n > Math.floor(index / n) ? entry : old));
}

function callAll(kernels: HostKernels): void {
  const view = { data: new Float64Array(4).fill(1), offset: 0, rowStride: 2, columnStride: 1 };
  const identity = Float64Array.of(1, 0, 0, 1);
  const [c, q, r, s, v] = [4, 4, 4, 2, 4].map((length) => new Float64Array(length));
  kernels.gemm(2, 2, 2, view, view, c, 0);
  kernels.qr(2, 2, identity, q, r);
  kernels.svd(2, 2, identity, q, s, v);
  kernels.eigh(2, identity, s, v);
  kernels.cholesky(2, identity, r);
  kernels.solveTriangular(2, 2, identity, c, true, false, false);
}
