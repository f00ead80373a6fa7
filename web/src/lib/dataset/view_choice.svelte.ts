// How the grid is looked at, kept in this browser.

const ENTRY = 'atelier.grid';

export const LEAST_CELL = 110;
export const MOST_CELL = 340;

class ViewChoice {
  leastCell = $state(190);
  isWhole = $state(false);

  constructor() {
    try {
      const kept = JSON.parse(localStorage.getItem(ENTRY) ?? '{}');
      if (kept.leastCell >= LEAST_CELL && kept.leastCell <= MOST_CELL) this.leastCell = kept.leastCell;
      this.isWhole = kept.isWhole === true;
    } catch {
      // What is there cannot be read, and the first view will do.
    }
  }

  keep(): void {
    try {
      localStorage.setItem(ENTRY, JSON.stringify({ leastCell: this.leastCell, isWhole: this.isWhole }));
    } catch {
      // It holds until the page is closed.
    }
  }
}

export const viewChoice = new ViewChoice();
