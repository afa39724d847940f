// node scripts/check-draft.mjs FILE: compares test/resumable/requirements.md with the requirements in a copy of
// draft-ietf-httpbis-resumable-upload.md. Prints what was added and what was removed; fails when anything was.

import { readFileSync } from 'node:fs'

const [, , file] = process.argv
if (file === undefined) {
  console.error('Usage: node scripts/check-draft.mjs draft-ietf-httpbis-resumable-upload.md')
  process.exit(2)
}
const list = readFileSync(new URL('../test/resumable/requirements.md', import.meta.url), 'utf8')
const known = [...list.matchAll(/^- (\S+) (?:server|client|both): (.*)$/gm)].map(
  ([, id, text]) => `${id} ${text}`,
)
const found = requirements(readFileSync(file, 'utf8'))
const added = found.filter((one) => !known.includes(one))
const removed = known.filter((one) => !found.includes(one))
for (const one of added) console.log(`+ ${one}`)
for (const one of removed) console.log(`- ${one}`)
console.log(`${found.length} requirements in the draft, ${known.length} in the list`)
process.exitCode = added.length + removed.length > 0 ? 1 : 0

/** The sentences with a keyword of BCP 14, each after its section and its number there. */
function requirements(draft) {
  const text = draft.slice(draft.indexOf('--- middle')).replaceAll(/^~~~[\s\S]*?^~~~$/gm, '')
  const numbers = [0, 0, 0, 0]
  const sentences = []
  let section
  let count = 0
  for (const line of text.split('\n')) {
    const heading = /^(#+) (.*)/.exec(line)
    if (heading !== null) {
      section = sectionOf(heading[2], heading[1].length, numbers)
      count = 0
    } else if (section !== undefined) {
      for (const sentence of line.split(/(?<=[.:])\s+(?=[A-Z`{([])/)) {
        if (/\b(?:MUST|SHOULD|RECOMMENDED)\b/.test(sentence))
          sentences.push(`${section}-${++count} ${plain(sentence)}`)
      }
    }
  }
  return sentences
}

/** '4.1.2'; 'B' for the appendix on draft versions; undefined where the draft requires nothing. */
function sectionOf(title, depth, numbers) {
  if (title.startsWith('Draft Version')) return 'B'
  if (/^(?:Changes|Since|Acknowledgments)/.test(title)) return undefined
  numbers[depth - 1] += 1
  numbers.fill(0, depth)
  return numbers.slice(0, depth).join('.')
}

/** Without references and list marks. */
function plain(sentence) {
  return sentence
    .replaceAll(/ ?\(?(?:see |as described in )?\{\{[^}]*\}\}\)?/g, '')
    .replace(/^[*-] /, '')
    .trim()
}
