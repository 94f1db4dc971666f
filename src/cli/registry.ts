/** The commands. Each is loaded on demand, so that `bures --help` does not wait for TensorFlow.js. */
import type { Command } from './command.js';

/** A command that is not loaded yet. */
export interface CommandEntry {
  /** Name of the command, as typed. */
  readonly name: string;
  /** Summary for `bures --help`, one line. */
  readonly summary: string;
  /** Loads the command. */
  load(): Promise<Command>;
}

/** All commands, in the order of the help. */
export const commandEntries: readonly CommandEntry[] = [
  {
    name: 'doctor',
    summary: 'what this machine has: backends and why not, device, BLAS, versions, speed',
    load: async () => (await import('./commands/doctor.js')).doctor,
  },
  {
    name: 'finetune',
    summary: 'trains an adapter: LoRA, balanced LoRA and others',
    load: async () => (await import('./commands/finetune.js')).finetune,
  },
  {
    name: 'resume',
    summary: 'goes on with a run that was interrupted, bit for bit',
    load: async () => (await import('./commands/resume.js')).resume,
  },
  {
    name: 'eval',
    summary: 'loss, perplexity and exact match on a file of rows',
    load: async () => (await import('./commands/eval.js')).evaluate,
  },
  {
    name: 'generate',
    summary: 'continues a prompt',
    load: async () => (await import('./commands/generate.js')).generate,
  },
  {
    name: 'merge',
    summary: 'writes the base model with an adapter merged into its weights',
    load: async () => (await import('./commands/merge.js')).merge,
  },
  {
    name: 'inspect',
    summary: 'what an adapter is like: norms, spectra, balance, condition numbers',
    load: async () => (await import('./commands/inspect.js')).inspect,
  },
  {
    name: 'balance',
    summary: 'rewrites an adapter in balanced gauge, ΔW unchanged',
    load: async () => (await import('./commands/balance.js')).balance,
  },
  {
    name: 'complete',
    summary: 'completes a matrix from ratings or other known entries, with low rank',
    load: async () => (await import('./commands/complete.js')).complete,
  },
  {
    name: 'sweep',
    summary: 'many runs over any keys, resumable',
    load: async () => (await import('./commands/sweep.js')).sweep,
  },
  {
    name: 'report',
    summary: 'one HTML page about runs: curves, modules, samples, differences',
    load: async () => (await import('./commands/report.js')).report,
  },
];
