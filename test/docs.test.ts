import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ms from 'ms'
import { describe, expect, it } from 'vitest'
import { settingsFrom } from '../src/options.ts'
import { DEFAULT_SHARDS } from '../src/record/buckets.ts'
import { MAX_PAYLOAD_BYTES } from '../src/record/limits.ts'
import { MAX_KEY_DATA_BYTES } from '../src/record/limits-security-keys.ts'
import { MAX_INDEXED_BYTES, MAX_PROPERTIES } from '../src/record/properties.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

const pages = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
]

const read = (page: string): string => readFileSync(join(root, page), 'utf8')

/** Whether the file or folder exists. `*` stands for any part of its name. */
function isThere(path: string): boolean {
  const parts = basename(path).split('*')
  const folder = join(root, dirname(path))
  return (
    existsSync(folder) &&
    readdirSync(folder).some(
      (name) => name.startsWith(parts[0] ?? '') && name.endsWith(parts.at(-1) ?? ''),
    )
  )
}

describe('the documentation', () => {
  it.each(pages)('names only files of the repository that exist: %s', (page) => {
    const named = [...read(page).matchAll(/`((?:bench|docs|scripts|src|test)\/[^`\s]+)`/g)]
    expect(named.map(([, path = '']) => path).filter((path) => !isThere(path))).toEqual([])
  })

  it('has no long sentence on its first page', () => {
    const prose = read('README.md')
      .replace(/^```[\s\S]+?^```/gm, '')
      .replace(/^\|.*$/gm, '')
      .replace(/`[^`]*`/g, 'code')
    const sentences = prose.split(/[.:!?](?=\s)|\n\n|\n- /)
    const long = sentences.filter((sentence) => sentence.split(/\s+/).filter(Boolean).length > 25)
    expect(sentences.length).toBeGreaterThan(30)
    expect(long).toEqual([])
  })

  it('quotes errors with texts that exist in the source', () => {
    const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => read(join('src', name)))
      .join('\n')
    const told = [...read('docs/troubleshooting.md').matchAll(/^\| `([^`|]+)` \|/gm)]
    expect(told.length).toBeGreaterThan(20)
    expect(told.map(([, text = '']) => text).filter((text) => !sources.includes(text))).toEqual([])
  })

  it('computes the same cost as the model of scale', () => {
    const [, code = ''] = /^```js\n([\s\S]+?)^```/m.exec(read('docs/cost.md')) ?? []
    const quiet = code.replace(/^console.*$/gm, '')
    const dollars = new Function(`${quiet}; return dollars`)() as (site: object) => number
    const said = [...code.matchAll(/dollars\((\{.+?\})\).*?\/\/ \$(.+)$/gm)]
    for (const [, site = '', sum = ''] of said) {
      expect(
        dollars({ visits: Number(/[\d_]+/.exec(site)?.[0].replaceAll('_', '')) }).toFixed(2),
      ).toBe(sum)
    }
    expect(said).toHaveLength(2)
    const month = (365.25 / 12) * 24 * 60 * 60
    const scene = {
      visits: 5000 * month,
      newSessions: 1149 * month,
      logins: 345 * month,
      live: 1e8,
    }
    const [, sum = ''] =
      /\| 24 h \| viur-session \|.* \$([\d,]+) \| 1\.00 \|/.exec(read('docs/scale.md')) ?? []
    const ratio = dollars(scene) / Number(sum.replace(',', ''))
    expect(ratio).toBeGreaterThan(1)
    expect(ratio).toBeLessThan(1.1)
  })

  it('states the defaults of the code', () => {
    const { policy } = settingsFrom({})
    const readme = read('README.md')
    expect(readme).toContain(`| \`lifetime\`, unused | ${ms(policy.lifetime, { long: true })} |`)
    expect(readme).toContain(
      `| \`absoluteLifetime\`, since login | ${ms(policy.absoluteLifetime, { long: true })} |`,
    )
    expect(readme).toContain(`| \`touchEvery\` | ${ms(policy.touchEvery, { long: true })}`)
    const options = read('docs/sessions.md')
    for (const [option, value] of Object.entries(policy)) {
      const [, stated = ''] =
        new RegExp(`\\| \`${option}\` \\| (?:the smaller of )?\`'([^']+)'\``).exec(options) ?? []
      expect(ms(stated as ms.StringValue), option).toBe(value)
    }
  })

  it('states the limits of the code', () => {
    const limits = read('docs/limits.md')
    const bytes = MAX_INDEXED_BYTES.toLocaleString('en')
    for (const row of [
      `| one session, encoded | ${MAX_PAYLOAD_BYTES / 1024} KiB |`,
      `| data of a security key | ${MAX_KEY_DATA_BYTES / 1024} KiB |`,
      `| properties of your own | ${MAX_PROPERTIES}, of ${bytes} bytes each |`,
      `| name of a user | ${bytes} bytes |`,
      `; ${DEFAULT_SHARDS} shards carry `,
    ]) {
      expect(limits).toContain(row)
    }
    expect(read('README.md')).toContain(`| largest session | ${MAX_PAYLOAD_BYTES / 1024} KiB |`)
  })

  it('names only tests that exist', () => {
    const claims = pages.flatMap((page) =>
      [...read(page).matchAll(/`(test\/[^`]+\.ts)`: "([^"]+)"/g)].map(
        ([, file = '', title = '']) => {
          return { page, file, title }
        },
      ),
    )
    expect(claims.length).toBeGreaterThan(30)
    for (const { page, file, title } of claims) {
      expect(existsSync(join(root, file)), `${page}: ${file}`).toBe(true)
      const isThere = ["'", '"', '`'].some((quote) =>
        read(file).includes(`${quote}${title}${quote}`),
      )
      expect(isThere, `${page}: ${file}: ${title}`).toBe(true)
    }
  })
})
