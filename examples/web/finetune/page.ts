/** The page: it reads what the user enters, has the worker do it, and draws what that tells. */
import { followTheme } from '../theme.js';
import { startWorker } from './client.js';
import { type Curves, drawCurves, type Point } from './plots.js';
import {
  type MethodName,
  type MethodRecord,
  type ModelChoice,
  methodNames,
  type RunSettings,
  type SavedRun,
  type Told,
} from './protocol.js';
import { sampleRows } from './sample-rows.js';

const byId = <Type extends Element = HTMLElement>(id: string): Type => document.getElementById(id) as unknown as Type;
const field = (id: string): HTMLInputElement => byId<HTMLInputElement>(id);
const button = (id: string): HTMLButtonElement => byId<HTMLButtonElement>(id);
const say = (id: string, text: string): void => {
  byId(id).textContent = text;
};

followTheme();
/** A file with rows that the text area does not show: binary, or long. */
let rowsFile: File | undefined;
let kept: SavedRun | undefined;
let isTraining = false;
let isOpen = false;
let hasRun = false;
let steps = 0;
let records: Record<MethodName, MethodRecord> = { lora: emptyRecord(), balora: emptyRecord() };

const client = startWorker(onTold);
byId<HTMLTextAreaElement>('rows').value = sampleRows(400);
showRows();
// A page's own files outlive the visit only where the browser agrees.
void navigator.storage?.persist?.();
void lookForRun();

/** Runs what a button asks for, and shows what goes wrong. */
async function attempt(work: () => Promise<void>): Promise<void> {
  say('problem', '');
  try {
    await work();
  } catch (error) {
    say('problem', error instanceof Error ? error.message : String(error));
  }
  refresh();
}

function refresh(): void {
  button('open').disabled = isTraining;
  button('train').disabled = !isOpen || isTraining;
  button('pause').disabled = !isTraining;
  button('ask').disabled = !isOpen;
  button('resume').hidden = kept !== undefined && kept.step >= kept.settings.steps;
  for (const name of methodNames) button(`download-${name}`).disabled = !hasRun;
  byId('kept').hidden = kept === undefined || isTraining;
}

async function lookForRun(): Promise<void> {
  await attempt(async () => {
    kept = await client.ask({ kind: 'saved' });
    if (kept === undefined) return;
    const { step, settings, model } = kept;
    say('kept-text', `A run on ${model.name} is kept in this browser: ${step} of ${settings.steps} steps.`);
  });
}

function chosenModel(): ModelChoice {
  const source = document.querySelector<HTMLInputElement>('input[name="source"]:checked')?.value;
  if (source === 'folder' || source === 'files') return { kind: 'chosen', files: [...(field(source).files ?? [])] };
  if (source !== 'hub') return { kind: 'shipped' };
  const token = field('token').value.trim();
  return { kind: 'hub', repository: field('repository').value.trim(), ...(token === '' ? {} : { token }) };
}

async function open(model: ModelChoice): Promise<void> {
  isOpen = false;
  hasRun = false;
  refresh();
  say('model-state', 'Opening …');
  const onGpu = byId<HTMLSelectElement>('device').value === 'gpu';
  try {
    const { name, parameters, layers, device } = await client.ask({ kind: 'open', model, onGpu });
    say('model-state', `${name}: ${(parameters / 1e6).toFixed(1)} million parameters in ${layers} layers, on ${device}.`);
    isOpen = true;
  } catch (error) {
    say('model-state', 'No model is open.');
    throw error;
  }
}

async function train(): Promise<void> {
  const number = (id: string): number => Number(field(id).value);
  const of = (name: MethodName) => ({ alpha: number(`${name}-alpha`), learningRate: number(`${name}-rate`) });
  const settings: RunSettings = {
    rank: number('rank'),
    steps: number('steps'),
    batchSize: number('batch-size'),
    maxLength: number('max-length'),
    methods: { lora: of('lora'), balora: of('balora') },
  };
  const text = byId<HTMLTextAreaElement>('rows').value;
  const bytes = rowsFile === undefined ? new TextEncoder().encode(text) : new Uint8Array(await rowsFile.arrayBuffer());
  await whileTraining(client.ask({ kind: 'train', rows: { name: rowsFile?.name ?? 'rows.jsonl', bytes }, settings }));
}

async function resume(): Promise<void> {
  if (kept === undefined) return;
  await open(kept.model.again);
  await whileTraining(client.ask({ kind: 'resume' }));
}

async function whileTraining(run: Promise<SavedRun>): Promise<void> {
  isTraining = true;
  refresh();
  try {
    kept = await run;
    const { step, settings } = kept;
    const end = step === settings.steps ? 'Done' : 'Paused';
    say('training-state', `${end} after ${step} of ${settings.steps} steps; kept in this browser.`);
    say('kept-text', `The run on ${kept.model.name} is kept: ${step} of ${settings.steps} steps.`);
  } finally {
    isTraining = false;
  }
}

function onTold(told: Told): void {
  if (told.kind === 'notice') say('notice', told.text);
  else if (told.kind === 'doing') say('model-state', `${told.text} …`);
  else if (told.kind === 'piece') byId(`answer-${told.speaker}`).append(told.text);
  else if (told.kind === 'begun') {
    hasRun = true;
    steps = told.run.settings.steps;
    records = structuredClone(told.run.records) as typeof records;
    showModules();
    refresh();
  } else if (told.kind === 'step') {
    records[told.method].losses.push(told.loss);
    const [lora, balora] = methodNames.map((name) => records[name].losses.at(-1)?.toFixed(3) ?? '–');
    say('training-state', `Step ${told.step} of ${steps}: loss ${lora} (LoRA), ${balora} (BaLoRA)`);
  } else if (told.kind === 'measured') {
    records[told.method].gaps.push([told.step, told.gap]);
    records[told.method].spectra = told.spectra;
    showModules();
  } else if (told.kind === 'validated') records[told.method].validation.push([told.step, told.loss]);
  requestDraw();
}

/** The modules whose spectra can be shown, listed once they are known. */
function showModules(): void {
  const select = byId<HTMLSelectElement>('module');
  const names = records.lora.spectra.map(({ module }) => module);
  if (names.length === select.options.length && names.every((name, i) => select.options[i].value === name)) return;
  select.replaceChildren(...names.map((name) => new Option(name.replace(/^model\./, ''), name)));
}

let isDrawing = false;
/** Draws at the next frame, however much is told before it. */
function requestDraw(): void {
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(() => {
    isDrawing = false;
    const module = byId<HTMLSelectElement>('module').value;
    draw('loss-plot', ({ losses, validation }) => ({ line: counted(losses), dots: validation }));
    draw('gap-plot', ({ gaps }) => ({ line: gaps }));
    draw('spectrum-plot', ({ spectra }) => ({ line: counted(spectra.find((one) => one.module === module)?.values ?? []) }));
  });
}

function draw(id: string, curves: (record: MethodRecord) => Curves): void {
  drawCurves(byId<SVGSVGElement>(id), { lora: curves(records.lora), balora: curves(records.balora) });
}

const counted = (values: readonly number[]): readonly Point[] => values.map((value, i) => [i + 1, value]);

function emptyRecord(): MethodRecord {
  return { losses: [], validation: [], gaps: [], spectra: [] };
}

async function ask(): Promise<void> {
  for (const name of ['base', ...methodNames]) say(`answer-${name}`, '');
  // The rows of the small model have their questions on a line of their own.
  const text = byId<HTMLTextAreaElement>('prompt').value;
  const prompt =
    rowsFile === undefined && byId<HTMLTextAreaElement>('rows').value.includes('\\n"') && !text.endsWith('\n') ? `${text}\n` : text;
  await client.ask({ kind: 'ask', prompt, speakers: ['base', ...methodNames] });
}

async function download(method: MethodName): Promise<void> {
  const { name, bytes } = await client.ask({ kind: 'adapter', method });
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([bytes as Uint8Array<ArrayBuffer>], { type: 'application/zip' }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

/** Largest file with rows that is shown in the text area. */
const mostShown = 2 ** 18;

async function takeRows(file: File | undefined): Promise<void> {
  if (file === undefined) return;
  const isText = /\.(jsonl|json)$/.test(file.name) && file.size <= mostShown;
  rowsFile = isText ? undefined : file;
  const text = byId<HTMLTextAreaElement>('rows');
  text.value = isText ? await file.text() : '';
  text.disabled = !isText;
  showRows();
}

function showRows(): void {
  const lines = byId<HTMLTextAreaElement>('rows')
    .value.split('\n')
    .filter((line) => line.trim() !== '').length;
  say('rows-state', rowsFile === undefined ? `${lines} rows` : `${rowsFile.name}, ${(rowsFile.size / 1e6).toFixed(2)} MB`);
}

byId<HTMLFormElement>('model-form').onsubmit = (event) => {
  event.preventDefault();
  void attempt(() => open(chosenModel()));
};
button('train').onclick = () => attempt(train);
button('resume').onclick = () => attempt(resume);
button('pause').onclick = () => attempt(async () => void (await client.ask({ kind: 'pause' })));
button('forget').onclick = () =>
  attempt(async () => {
    await client.ask({ kind: 'forget' });
    kept = undefined;
  });
for (const name of methodNames) button(`download-${name}`).onclick = () => attempt(() => download(name));
byId<HTMLFormElement>('ask-form').onsubmit = (event) => {
  event.preventDefault();
  void attempt(ask);
};
byId('module').onchange = requestDraw;
byId('rows').oninput = showRows;
field('rows-file').onchange = () => attempt(() => takeRows(field('rows-file').files?.[0]));
for (const source of ['folder', 'files']) {
  field(source).onchange = () => {
    const radio = document.querySelector<HTMLInputElement>(`input[value="${source}"]`);
    if (radio !== null) radio.checked = true;
  };
}
field('repository').oninput = () => {
  const radio = document.querySelector<HTMLInputElement>('input[value="hub"]');
  if (radio !== null) radio.checked = true;
};
const rowsSection = byId('rows');
for (const kind of ['dragover', 'dragleave', 'drop'] as const) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    rowsSection.classList.toggle('dropping', kind === 'dragover');
    if (kind === 'drop') void attempt(() => takeRows(event.dataTransfer?.files[0]));
  });
}
