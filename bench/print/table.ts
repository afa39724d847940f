// The result as a table for a terminal, and as Markdown for docs/benchmarks.md and docs/performance.md.

import { inWords, type Row } from '../measure/verdict.ts'

const HEADS = ['what', 'against', 'ours', 'theirs', 'figure', 'between', 'target', ''] as const

function cells(row: Row): string[] {
  const { median, low, high } = row.figure
  const figure = (value: number): string => (row.unit === 'x' ? value.toFixed(2) : value.toFixed(1))
  return [
    row.what,
    row.against,
    row.ours,
    row.theirs,
    `${figure(median)} ${row.unit}`,
    `${figure(low)} to ${figure(high)}`,
    inWords(row.target),
    row.verdict === 'for comparison' ? '' : row.verdict,
  ]
}

export function table(rows: readonly Row[]): string {
  const lines = [[...HEADS], ...rows.map(cells)]
  const widths = HEADS.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

export function markdown(rows: readonly Row[]): string {
  return markdownTable([HEADS, ...rows.map(cells)])
}

/** The rows that answer a user's first questions. */
export function headlines(rows: readonly Row[]): string {
  const chosen = rows.filter((row) => row.headline !== undefined)
  const answer = ({ headline, what, ours, against, theirs, figure }: Row): string[] => [
    headline ?? '',
    `${what}: ${ours}`,
    `${against}: ${theirs}`,
    `${figure.median.toFixed(2)} x`,
  ]
  return markdownTable([['question', 'temp-file-manager', 'compared with', 'ratio'], ...chosen.map(answer)])
}

/** Padded, as the formatter of the documents wants it; the first line has the heads. */
function markdownTable([heads = [], ...lines]: readonly (readonly string[])[]): string {
  const widths = heads.map((_, column) =>
    Math.max(...[heads, ...lines].map((line) => line[column]?.length ?? 0)),
  )
  const line = (fields: readonly string[]): string =>
    `| ${fields.map((field, column) => field.padEnd(widths[column] ?? 0)).join(' | ')} |`
  return [line(heads), line(widths.map((width) => '-'.repeat(width))), ...lines.map(line)].join('\n')
}
