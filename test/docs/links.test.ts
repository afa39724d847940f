import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { under } from './code-blocks.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const pages = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', ...under(ROOT, 'docs', '.md')]

test.each(pages)('every relative link of %s leads to a file and a heading', (page) => {
  const text = readFileSync(join(ROOT, page), 'utf8')
  const outside = text.replaceAll(/^```[\s\S]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, '')
  const targets = [...outside.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '')
  const broken = targets.filter((target) => !/^[a-z]+:/.test(target) && !leads(page, target))
  expect(broken).toEqual([])
})

function leads(page: string, target: string): boolean {
  const [path = '', heading] = target.split('#')
  const file = path === '' ? join(ROOT, page) : join(ROOT, dirname(page), decodeURIComponent(path))
  if (!existsSync(file)) return false
  if (heading === undefined || !file.endsWith('.md')) return true
  return anchorsOf(readFileSync(file, 'utf8')).includes(heading)
}

/** Of headings as GitHub makes them (the second 'Example' is 'example-1'), and those written as such. */
function anchorsOf(page: string): string[] {
  const seen = new Map<string, number>()
  const written = [...page.matchAll(/<a id="([^"]+)"/g)].map((match) => match[1] ?? '')
  const headings = [...page.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/^#+ (.+)$/gm)].map((match) => {
    const anchor = (match[1] ?? '')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .trim()
      .replaceAll(' ', '-')
    const times = seen.get(anchor) ?? 0
    seen.set(anchor, times + 1)
    return times === 0 ? anchor : `${anchor}-${times}`
  })
  return [...headings, ...written]
}
