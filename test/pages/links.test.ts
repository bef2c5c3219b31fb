import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ALL_PAGES, root } from './blocks.ts'

// A script without types, which scripts/check-package.sh runs on the packed files.
const script: string = '../../scripts/check-links.mjs'
const { deadLinks, leads } = (await import(script)) as {
  deadLinks(root: string, pages: readonly string[]): string[]
  leads(root: string, page: string, target: string): boolean
}

describe('the links', () => {
  it('of every page lead to a file, and to a heading of it', () => {
    expect(ALL_PAGES).toContain('examples/next/README.md')
    expect(ALL_PAGES).toContain('docs/reference/README.md')
    expect(deadLinks(root, ALL_PAGES)).toEqual([])
  })

  it('to other sites go over TLS', () => {
    const plain = ALL_PAGES.flatMap((page) => {
      const text = readFileSync(join(root, page), 'utf8')
      return [...text.matchAll(/\]\((http:[^)]*)\)/g)].map(([, target]) => `${page}: ${target}`)
    })
    expect(plain).toEqual([])
  })

  it('in messages and comments of the source name pages that exist, and headings that they have', () => {
    const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    const named = files
      .filter((name) => name.endsWith('.ts'))
      .flatMap((name) => {
        const text = readFileSync(join(root, 'src', name), 'utf8')
        return [...text.matchAll(/(?<![\w/.-])docs\/[\w/-]+\.md(?:#[\w-]+)?/g)].map(String)
      })
    expect(named.length).toBeGreaterThan(0)
    expect(named.filter((target) => !leads(root, join(root, 'README.md'), target))).toEqual([])
  })
})
