// Numbers and times as people read them.

const whole = new Intl.NumberFormat('en');
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const day = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short', year: 'numeric' });
const exact = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' });

export function number(value: number): string {
  return whole.format(value);
}

/**
 * The number that somebody wrote, with a point or a comma: keyboards of phones may have only one of them. What may be thousands
 * is none.
 */
export function decimalOf(text: string): number {
  const written = text.trim();
  return Number(/^[+-]?(0*,\d+|\d+,(?!\d{3}$)\d+)$/.test(written) ? written.replace(',', '.') : written);
}

/** A name among other words, which keep their order whichever way its letters run. */
export function isolated(name: string): string {
  return `\u2068${name}\u2069`;
}

/** “1 picture”, “2 pictures”. */
export function count(value: number, one: string, many = `${one}s`): string {
  return `${number(value)} ${value === 1 ? one : many}`;
}

export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let [size, unit] = [value, 0];
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1000;
    unit++;
  }
  return `${size < 9.95 && unit > 0 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`;
}

/** “5 minutes ago”; a date when it is longer ago than a month. */
export function ago(thenMs: number, nowMs: number): string {
  const seconds = Math.round((thenMs - nowMs) / 1000);
  const steps: [Intl.RelativeTimeFormatUnit, number, number][] = [
    ['minute', 60, 3600],
    ['hour', 3600, 86_400],
    ['day', 86_400, 86_400 * 30],
  ];
  if (Math.abs(seconds) < 60) return 'just now';
  for (const [unit, length, end] of steps) {
    if (Math.abs(seconds) < end) return relative.format(Math.round(seconds / length), unit);
  }
  return day.format(thenMs);
}

export function moment(timeMs: number): string {
  return exact.format(timeMs);
}

/** Days until something in the trash is removed for good, at least 0. */
export function daysLeft(trashedMs: number, trashDays: number, nowMs: number): number {
  return Math.max(0, Math.ceil(trashDays - (nowMs - trashedMs) / 86_400_000));
}
