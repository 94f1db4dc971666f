/** Debian's Chromium without a window, for looking at pages. */
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

/** Where Debian installs it; `undefined` if it is not there. */
export const chromiumPath: string | undefined = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((file) => existsSync(file));

/** Opens it; it does not go to the network by itself. `gpu` are the switches for its GPU, which is off by default. */
export function openChromium(executablePath: string, gpu: readonly string[] = ['--disable-gpu']): Promise<Browser> {
  const quiet = ['--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-quic'];
  return chromium.launch({ executablePath, headless: true, args: ['--no-sandbox', ...gpu, ...quiet] });
}
