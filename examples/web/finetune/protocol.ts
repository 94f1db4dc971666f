/** What the page and its worker say to each other. Everything here can be cloned from one to the other. */
import type { ChosenFile } from 'bures/io';

/** The two methods that are trained side by side. */
export const methodNames = ['lora', 'balora'] as const;
export type MethodName = (typeof methodNames)[number];

/** Where a model comes from. */
export type ModelChoice =
  /** The small one that lies beside the page. */
  | { readonly kind: 'shipped' }
  /** Files of the user's, or a folder of them. */
  | { readonly kind: 'chosen'; readonly files: readonly ChosenFile[] }
  /** A repository on the hub, `owner/name` or `owner/name@revision`. */
  | { readonly kind: 'hub'; readonly repository: string; readonly token?: string }
  /** One that an earlier visit has left in the browser's files, in this folder. */
  | { readonly kind: 'kept'; readonly folder: string; readonly name: string };

/** Rows to train on: the contents of a file, and its name, which tells CSV and TSV. */
export interface RowsFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What a run is determined by, beside its model and its rows. */
export interface RunSettings {
  readonly rank: number;
  readonly steps: number;
  readonly batchSize: number;
  /** Largest number of tokens of a row. */
  readonly maxLength: number;
  readonly methods: Readonly<Record<MethodName, { readonly alpha: number; readonly learningRate: number }>>;
}

/** What is known of an open model. */
export interface ModelSummary {
  readonly name: string;
  /** What `open` takes to open it again after a reload. */
  readonly again: ModelChoice;
  readonly parameters: number;
  readonly layers: number;
  readonly hasChatTemplate: boolean;
  /** The backend and the device that it computes on. */
  readonly device: string;
}

/** The singular values of one module's ΔW, largest first. */
export interface Spectrum {
  readonly module: string;
  readonly values: readonly number[];
}

/** What has been measured of one method. */
export interface MethodRecord {
  /** The training loss before step 1, 2, …, in nats a token. */
  readonly losses: number[];
  /** The loss on the rows that are set aside, after so many steps. */
  readonly validation: (readonly [step: number, loss: number])[];
  /** The median over modules of the balance gap, after so many steps. */
  readonly gaps: (readonly [step: number, gap: number])[];
  /** The spectra after the last step that was measured. */
  spectra: readonly Spectrum[];
}

/** A run as it is kept. */
export interface SavedRun {
  /** Names the folder of its files. */
  readonly id: string;
  readonly model: ModelSummary;
  readonly settings: RunSettings;
  readonly rows: { readonly name: string; readonly training: number; readonly validation: number };
  /** Number of steps that both methods have taken. */
  readonly step: number;
  readonly records: Readonly<Record<MethodName, MethodRecord>>;
}

/** Who is asked. */
export type Speaker = 'base' | MethodName;

/** What the page asks of the worker. */
export type Request =
  | { readonly kind: 'open'; readonly model: ModelChoice; readonly onGpu: boolean }
  | { readonly kind: 'saved' }
  | { readonly kind: 'train'; readonly rows: RowsFile; readonly settings: RunSettings }
  | { readonly kind: 'resume' }
  | { readonly kind: 'pause' }
  | { readonly kind: 'ask'; readonly prompt: string; readonly speakers: readonly Speaker[] }
  | { readonly kind: 'adapter'; readonly method: MethodName }
  | { readonly kind: 'forget' }
  | { readonly kind: 'copies' }
  | { readonly kind: 'discard' };

/** What the worker answers to each request. */
export interface Answers {
  readonly open: ModelSummary;
  /** The run that an earlier visit has left; `'damaged'` if it cannot be read. */
  readonly saved: SavedRun | 'damaged' | undefined;
  /** The run where it ended: finished or paused. */
  readonly train: SavedRun;
  readonly resume: SavedRun;
  readonly pause: undefined;
  readonly ask: undefined;
  /** A zip file with the adapter as PEFT loads it. */
  readonly adapter: { readonly name: string; readonly bytes: Uint8Array };
  readonly forget: undefined;
  /** Bytes of copied models that neither the page nor the kept run uses. */
  readonly copies: number;
  readonly discard: undefined;
}

/** What the worker tells unasked. */
export type Told =
  /** Something that the user should know. */
  | { readonly kind: 'notice'; readonly text: string }
  | { readonly kind: 'doing'; readonly text: string }
  | { readonly kind: 'begun'; readonly run: SavedRun }
  | { readonly kind: 'step'; readonly method: MethodName; readonly step: number; readonly loss: number }
  | {
      readonly kind: 'measured';
      readonly method: MethodName;
      readonly step: number;
      readonly gap: number;
      readonly spectra: readonly Spectrum[];
    }
  | { readonly kind: 'validated'; readonly method: MethodName; readonly step: number; readonly loss: number }
  | { readonly kind: 'kept'; readonly step: number }
  | { readonly kind: 'piece'; readonly speaker: Speaker; readonly text: string };

/** A request with the number by which its answer is known. */
export interface Envelope {
  readonly id: number;
  readonly request: Request;
}

/** What the worker posts. */
export type Posted =
  | { readonly id: number; readonly answer: Answers[Request['kind']] }
  | { readonly id: number; readonly error: string }
  | { readonly told: Told };
