// The figures in docs/performance.md are those of the last full run. Promise: only what stands between a pair of
// markers, `<!-- name -->` and `<!-- /name -->`, is replaced.

import { readFileSync, writeFileSync } from 'node:fs'

const DOCUMENT = new URL('../../docs/performance.md', import.meta.url)

export function document(name: string, text: string): void {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const whole = readFileSync(DOCUMENT, 'utf8')
  const [from, to] = [whole.indexOf(begin), whole.indexOf(end)]
  if (from === -1 || to < from) throw new Error(`docs/performance.md has no ${begin}`)
  writeFileSync(DOCUMENT, `${whole.slice(0, from + begin.length)}\n${text}\n${whole.slice(to)}`)
}
