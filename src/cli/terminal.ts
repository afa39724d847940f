// Terminal output. Guarantee: colours only on a terminal, unless NO_COLOR or TERM=dumb forbids them, and no character
// from the disk that the terminal would interpret.

import { styleText } from 'node:util'
import formatBytes from 'bytes'
import ms from 'ms'
import { forLog } from '../input/names.ts'

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow'

/** A stream that may be a terminal. */
export interface Output {
  readonly isTTY?: boolean | undefined
  write(text: string): unknown
}

/** Whether `stream` takes colours and bars. https://no-color.org: any non-empty NO_COLOR forbids. */
export function isFancy(stream: Output, env: NodeJS.ProcessEnv = process.env): boolean {
  return stream.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb'
}

export type Paint = (style: Style, text: string) => string

export function painter(stream: Output): Paint {
  if (!isFancy(stream)) return (_, text) => text
  return (style, text) => styleText(style, text, { validateStream: false }) // isFancy has validated it
}

/** One cell: a text from anywhere, and how it looks. */
export interface Cell {
  readonly text: string
  readonly style?: Style | undefined
  readonly right?: boolean | undefined
}

/** One row of a table, and a remark that is printed on a line of its own below it. */
export interface Row {
  readonly cells: readonly Cell[]
  readonly note?: string | undefined
}

/** Rows in columns as wide as their widest cell; the heading and the notes are dim; the last column is not padded. */
export function table(head: readonly string[], rows: readonly Row[], paint: Paint): string {
  const shown = rows.map(({ cells }) => cells.map((cell) => ({ ...cell, text: forLog(cell.text) })))
  const widths = head.map((title, column) =>
    Math.max(title.length, ...shown.map((row) => columnsOf(row[column]?.text ?? ''))),
  )
  const line = (cells: readonly Cell[]): string =>
    cells
      .map((cell, column) => {
        const last = column === cells.length - 1
        const width = last && cell.right !== true ? 0 : (widths[column] ?? 0)
        const room = ' '.repeat(Math.max(0, width - columnsOf(cell.text)))
        const text = cell.right === true ? room + cell.text : cell.text + room
        return cell.style === undefined ? text : paint(cell.style, text)
      })
      .join('  ')
      .trimEnd()
  const titles = head.map((text, column): Cell => ({ text, style: 'dim', right: shown[0]?.[column]?.right }))
  const body = shown.flatMap((cells, index) => {
    const note = rows[index]?.note
    return note === undefined
      ? [line(cells)]
      : [line(cells), paint('dim', `    ${shortened(forLog(note), 74)}`)]
  })
  return `${[line(titles), ...body].join('\n')}\n`
}

/** At most `most` columns of the terminal, the last one an ellipsis where something was left out. */
export function shortened(text: string, most: number): string {
  if (columnsOf(text) <= most) return text
  let shown = ''
  let columns = 0
  for (const character of text) {
    columns += columnsOf(character)
    if (columns > most - 1) break
    shown += character
  }
  return `${shown}…`
}

/** Characters that take two columns (Unicode's annex 11, in so far as JavaScript's properties express it), and none. */
const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\p{Emoji_Presentation}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]/u
const NO_COLUMN = /[\p{Mn}\p{Me}\p{Cf}]/u

/** Columns of the terminal that a text takes. */
function columnsOf(text: string): number {
  let columns = 0
  for (const character of text) columns += WIDE.test(character) ? 2 : NO_COLUMN.test(character) ? 0 : 1
  return columns
}

/** '1.5MB'. */
export function size(bytes: number): string {
  return formatBytes.format(bytes, { decimalPlaces: 1 }) ?? String(bytes)
}

/** '3h'; '-' where it is not known. */
export function duration(milliseconds: number | undefined): string {
  return milliseconds === undefined ? '-' : ms(Math.max(0, Math.round(milliseconds)))
}

/** '1 file', '2 files'. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`
}
