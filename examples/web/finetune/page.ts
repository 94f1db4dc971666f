/** The page: it reads what the user enters, has the worker do it, and draws what that tells. */
import { followTheme } from '../theme.js';
import { startWorker } from './client.js';
import { button, byId, field, say } from './fields.js';
import { type Curves, drawCurves, type Point } from './plots.js';
import { type MethodName, type MethodRecord, type ModelChoice, methodNames, type SavedRun, type Told } from './protocol.js';
import { rowsInput } from './rows-input.js';
import { sampleRows } from './sample-rows.js';
import { readSettings, showSettings } from './settings-form.js';

followTheme();
let kept: SavedRun | 'damaged' | undefined;
let isAsking = false;
let isTraining = false;
/** True from the worker's word that it trains: what it is told before that, the beginning would forget. */
let hasBegun = false;
let wantsPause = false;
let isOpen = false;
let hasRun = false;
let steps = 0;
let records: Record<MethodName, MethodRecord> = { lora: emptyRecord(), balora: emptyRecord() };

const client = startWorker(onTold);
const rows = rowsInput(sampleRows(400), attempt);
// A page's own files outlive the visit only where the browser agrees.
void navigator.storage?.persist?.();
void attempt(async () => {
  await lookForRun();
  if (typeof kept === 'object') showSettings(kept.settings);
  await countCopies();
});

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
  button('ask').disabled = !isOpen || isAsking;
  button('resume').hidden = kept === 'damaged' || (kept !== undefined && kept.step >= kept.settings.steps);
  for (const name of methodNames) button(`download-${name}`).disabled = !hasRun;
  byId('kept').hidden = kept === undefined || isTraining;
}

async function lookForRun(): Promise<void> {
  kept = await client.ask({ kind: 'saved' });
  if (kept === undefined) return;
  if (kept === 'damaged') return say('kept-text', 'The run that is kept in this browser cannot be read.');
  const { step, settings, model } = kept;
  say('kept-text', `A run on ${model.name} is kept in this browser: ${step} of ${settings.steps} steps.`);
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
  } finally {
    await countCopies();
  }
}

/** Shows how much copied models take that are not in use. */
async function countCopies(): Promise<void> {
  const bytes = await client.ask({ kind: 'copies' });
  byId('copies').hidden = bytes === 0;
  say('copies-text', `Other models that were opened before take ${(bytes / 1e6).toFixed(1)} MB of this browser.`);
}

async function train(): Promise<void> {
  await lookForRun();
  if (typeof kept === 'object' && kept.step > 0 && kept.step < kept.settings.steps) {
    throw new Error(`train: a run of ${kept.step} of ${kept.settings.steps} steps is kept; go on with it, or forget it first`);
  }
  const settings = readSettings();
  await client.ask({ kind: 'train', rows: await rows.read(), settings });
}

async function resume(): Promise<void> {
  // Another tab may have begun another.
  await lookForRun();
  if (typeof kept !== 'object') return;
  await open(kept.model.again);
  await client.ask({ kind: 'resume' });
}

async function pause(): Promise<void> {
  wantsPause = true;
  if (hasBegun) await client.ask({ kind: 'pause' });
}

/** Does one thing that trains, unless another does; what is kept after it, be it ended by an error, is shown. */
async function whileTraining(work: () => Promise<void>): Promise<void> {
  if (isTraining) return;
  isTraining = true;
  [hasBegun, wantsPause] = [false, false];
  say('training-state', 'Beginning …');
  refresh();
  try {
    await work();
    await lookForRun();
    const { step, settings } = typeof kept === 'object' ? kept : { step: 0, settings: { steps } };
    const end = step === settings.steps ? 'Done' : 'Paused';
    say('training-state', `${end} after ${step} of ${settings.steps} steps; kept in this browser.`);
  } catch (error) {
    say('training-state', '');
    await lookForRun();
    throw error;
  } finally {
    isTraining = false;
  }
}

function onTold(told: Told): void {
  if (told.kind === 'notice') say('notice', told.text);
  else if (told.kind === 'doing') say('model-state', `${told.text} …`);
  else if (told.kind === 'piece') byId(`answer-${told.speaker}`).append(told.text);
  else if (told.kind === 'begun') {
    [hasRun, hasBegun] = [true, true];
    if (wantsPause) void attempt(pause);
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
  isAsking = true;
  refresh();
  for (const name of ['base', ...methodNames]) say(`answer-${name}`, '');
  // The rows of the small model have their questions on a line of their own.
  const text = byId<HTMLTextAreaElement>('prompt').value;
  const prompt = rows.shown().includes('\\n"') && !text.endsWith('\n') ? `${text}\n` : text;
  await client.ask({ kind: 'ask', prompt, speakers: ['base', ...methodNames] }).finally(() => {
    isAsking = false;
  });
}

async function download(method: MethodName): Promise<void> {
  const { name, bytes } = await client.ask({ kind: 'adapter', method });
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([bytes as Uint8Array<ArrayBuffer>], { type: 'application/zip' }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

byId<HTMLFormElement>('model-form').onsubmit = (event) => {
  event.preventDefault();
  void attempt(() => open(chosenModel()));
};
button('train').onclick = () => attempt(() => whileTraining(train));
button('resume').onclick = () => attempt(() => whileTraining(resume));
button('pause').onclick = () => attempt(pause);
button('forget').onclick = () =>
  attempt(async () => {
    await client.ask({ kind: 'forget' });
    kept = undefined;
    await countCopies();
  });
button('discard').onclick = () =>
  attempt(async () => {
    await client.ask({ kind: 'discard' });
    await countCopies();
  });
for (const name of methodNames) button(`download-${name}`).onclick = () => attempt(() => download(name));
byId<HTMLFormElement>('ask-form').onsubmit = (event) => {
  event.preventDefault();
  void attempt(ask);
};
byId('module').onchange = requestDraw;
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
