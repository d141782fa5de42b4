/** How things are written on the page. */

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const seconds = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long" });
const dateWithYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });
const short = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const whole = new Intl.NumberFormat();
const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });

const DAY = 86_400_000;

export const time = (at: number): string => clock.format(at);
export const timeWithSeconds = (at: number): string => seconds.format(at);
export const count = (n: number): string => whole.format(n);

/** Days between two moments by the calendar of the page's user. */
function daysBetween(earlier: number, later: number): number {
  const midnight = (at: number) => new Date(at).setHours(0, 0, 0, 0);
  return Math.round((midnight(later) - midnight(earlier)) / DAY);
}

export function isSameDay(a: number, b: number): boolean {
  return daysBetween(a, b) === 0;
}

export function day(at: number, now = Date.now()): string {
  const days = daysBetween(at, now);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  if (days > 1 && days < 7) return weekday.format(at);
  return new Date(at).getFullYear() === new Date(now).getFullYear() ? date.format(at) : dateWithYear.format(at);
}

/** The time of today's, the day of others. */
export function stamp(at: number, now = Date.now()): string {
  return isSameDay(at, now) ? clock.format(at) : short.format(at);
}

export function millis(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return "–";
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 10_000 ? `${whole.format(Math.round(ms))} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** For what is counted down: `2.4 s`, `31 s`. */
export function secondsLeft(ms: number): string {
  return ms < 10_000 ? `${(Math.max(0, ms) / 1000).toFixed(1)} s` : `${Math.ceil(ms / 1000)} s`;
}

export function bytes(n: number): string {
  if (n < 1000) return `${n} B`;
  const unit = n < 999_950 ? "kB" : "MB";
  return `${(n / (unit === "kB" ? 1e3 : 1e6)).toFixed(1)} ${unit}`;
}

/** Names that are all small letters get a capital; others are as their owners write them. */
export function displayName(userId: string): string {
  return /^[a-z]+$/.test(userId) ? userId[0]!.toUpperCase() + userId.slice(1) : userId;
}

/** One or two letters for a name. */
export function initials(userId: string): string {
  const words = userId.trim().split(/[\s._-]+/u).filter(Boolean);
  const letters = words.slice(0, 2).map((word) => [...segmenter.segment(word)][0]!.segment);
  return letters.join("").toLocaleUpperCase() || "?";
}

/** Well apart from each other, and from what the page's own colours mean. */
const HUES = [18, 44, 84, 150, 190, 214, 330];

/** A hue for a name: the same on every device. */
export function hue(userId: string): number {
  let hash = 2166136261;
  for (const char of userId) hash = Math.imul(hash ^ char.codePointAt(0)!, 16777619);
  return HUES[(hash >>> 7) % HUES.length]!;
}

/** Whether a text is one to three pictures and nothing else: they are shown large. */
export function isJumbo(text: string): boolean {
  if (text.length > 40) return false;
  const graphemes = [...segmenter.segment(text.trim())].map(({ segment }) => segment);
  return graphemes.length >= 1 && graphemes.length <= 3 && graphemes.every((g) => /\p{Extended_Pictographic}/u.test(g));
}
