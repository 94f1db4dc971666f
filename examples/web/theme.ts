/**
 * Colours of a page: dark or light as the switch of the reference site says, which TypeDoc keeps in `localStorage`,
 * else as the system does. The style sheets name both with `light-dark()`.
 */

const key = 'tsd-theme';

/**
 * Sets the colours, and again whenever the switch is turned in another tab.
 *
 * @param changed - called when the colours may have changed, for what is drawn with them.
 */
export function followTheme(changed: () => void = () => undefined): void {
  apply();
  addEventListener('storage', (event) => {
    if (event.key !== null && event.key !== key) return;
    apply();
    changed();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed);
}

function apply(): void {
  const chosen = stored();
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
  else delete document.documentElement.dataset.theme;
}

/** A browser that keeps nothing for this page refuses the access itself. */
function stored(): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}
