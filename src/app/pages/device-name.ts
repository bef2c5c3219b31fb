import type { Texts } from './texts-en.ts'

// The order matters: most browsers also name other browsers.
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

/** Names a device by its User-Agent header. Its owner recognises it by this name, but it proves nothing. */
export function deviceName(agent: string | undefined, { devices }: Texts): string {
  if (agent === undefined) return devices.unknown
  const browser = firstIn(BROWSERS, agent)
  const system = firstIn(SYSTEMS, agent)
  if (browser !== null && system !== null) return devices.name(browser, system)
  // Programs begin with their name: "curl/8.9.1".
  return browser ?? system ?? (/^[\w. -]{1,40}/.exec(agent)?.[0].trim() || devices.unknown)
}

function firstIn(list: readonly (readonly [RegExp, string])[], agent: string): string | null {
  return list.find(([pattern]) => pattern.test(agent))?.[1] ?? null
}
