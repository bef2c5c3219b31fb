import type { Texts } from './texts.ts'

// In this order: most browsers claim to be others as well.
const BROWSERS: readonly (readonly [RegExp, string])[] = [
  [/\bEdg(?:A|iOS)?\//, 'Edge'],
  [/\b(?:OPR|OPT|Opera)\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(?:Firefox|FxiOS)\//, 'Firefox'],
  [/(?:\b|Headless)(?:Chrome|CriOS)\//, 'Chrome'],
  [/\bVersion\/\S+ (?:Mobile\/\S+ )?Safari\//, 'Safari'],
]

const SYSTEMS: readonly (readonly [RegExp, string])[] = [
  [/\bAndroid\b/, 'Android'],
  [/\b(?:iPhone|iPod)\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bWindows\b/, 'Windows'],
  [/\bMacintosh\b/, 'macOS'],
  [/\bLinux\b/, 'Linux'],
]

/** What to call a device by what it says of itself. Good enough for its owner to know it, and no proof of anything. */
export function deviceName(agent: string | undefined, { devices }: Texts): string {
  if (agent === undefined) return devices.unknown
  const browser = firstIn(BROWSERS, agent)
  const system = firstIn(SYSTEMS, agent)
  if (browser !== null && system !== null) return devices.name(browser, system)
  // Programs name themselves first: "curl/8.9.1".
  return browser ?? system ?? (/^[\w. -]{1,40}/.exec(agent)?.[0].trim() || devices.unknown)
}

function firstIn(list: readonly (readonly [RegExp, string])[], agent: string): string | null {
  return list.find(([pattern]) => pattern.test(agent))?.[1] ?? null
}
