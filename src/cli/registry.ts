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

/** Loaders and summaries by name, in the order of the help. */
const commands: Readonly<Record<string, readonly [load: () => Promise<Command>, summary: string]>> = {
  doctor: [
    async () => (await import('./commands/doctor.js')).doctor,
    'reports what this machine offers: backends, or why they are missing, device, BLAS, versions, speed',
  ],
  finetune: [async () => (await import('./commands/finetune.js')).finetune, 'trains an adapter: LoRA, balanced LoRA and others'],
  resume: [async () => (await import('./commands/resume.js')).resume, 'continues an interrupted run, bit for bit'],
  eval: [async () => (await import('./commands/eval.js')).evaluate, 'computes loss, perplexity and exact match on a file of rows'],
  generate: [async () => (await import('./commands/generate.js')).generate, 'continues prompts'],
  chat: [async () => (await import('./commands/chat.js')).chat, 'talks with a model, alone or with an adapter'],
  merge: [
    async () => (await import('./commands/merge.js')).merge,
    'writes the base model with an adapter merged into its weights, or combines several adapters into one',
  ],
  resize: [async () => (await import('./commands/resize.js')).resize, 'changes the rank of an adapter, by a truncated SVD or by zeros'],
  inspect: [async () => (await import('./commands/inspect.js')).inspect, 'measures an adapter: norms, spectra, balance, condition numbers'],
  balance: [async () => (await import('./commands/balance.js')).balance, 'rewrites an adapter in balanced gauge and leaves ΔW unchanged'],
  complete: [
    async () => (await import('./commands/complete.js')).complete,
    'completes a matrix from ratings or other known entries, by a matrix of low rank',
  ],
  recommend: [
    async () => (await import('./commands/recommend.js')).recommend,
    'recommends to users what a completion predicts highest for them',
  ],
  sweep: [async () => (await import('./commands/sweep.js')).sweep, 'runs many fine-tunings over any keys; it can be resumed'],
  report: [
    async () => (await import('./commands/report.js')).report,
    'writes one HTML page about runs: curves, modules, samples, differences',
  ],
};

/** All commands, in the order of the help. */
export const commandEntries: readonly CommandEntry[] = Object.entries(commands).map(([name, [load, summary]]) => ({ name, summary, load }));
