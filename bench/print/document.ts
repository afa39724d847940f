// Writes the figures of the last full run into the documents. Guarantee: only the text between a pair of markers,
// `<!-- name -->` and `<!-- /name -->`, is replaced.

import { readFileSync, writeFileSync } from 'node:fs'

export type Page = 'benchmarks' | 'performance'

export function document(page: Page, name: string, text: string): void {
  const path = new URL(`../../docs/${page}.md`, import.meta.url)
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const whole = readFileSync(path, 'utf8')
  const [from, to] = [whole.indexOf(begin), whole.indexOf(end)]
  if (from === -1 || to < from) throw new Error(`docs/${page}.md has no ${begin}`)
  writeFileSync(path, `${whole.slice(0, from + begin.length)}\n${text}\n${whole.slice(to)}`)
}
