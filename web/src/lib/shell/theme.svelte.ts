// Light, dark, or as the system has it. `public/theme.js` reads the same entry before the first paint.

export type Theme = 'system' | 'light' | 'dark';

const ENTRY = 'atelier.theme';

function stored(): Theme {
  try {
    const value = localStorage.getItem(ENTRY);
    return value === 'light' || value === 'dark' ? value : 'system';
  } catch {
    return 'system';
  }
}

class ThemeChoice {
  #value = $state<Theme>(stored());

  get value(): Theme {
    return this.#value;
  }

  set value(theme: Theme) {
    this.#value = theme;
    if (theme === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    try {
      if (theme === 'system') localStorage.removeItem(ENTRY);
      else localStorage.setItem(ENTRY, theme);
    } catch {
      // It holds until the page is closed.
    }
  }
}

export const theme = new ThemeChoice();
