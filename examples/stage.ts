// Prints for the demo and the examples, and records which of their claims held. Guarantee: colours only on a terminal that
// wants them, and a claim that did not hold is counted, so that the program can end with a non-zero status.

import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

const colours = process.stdout.isTTY === true && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb'
let broken = 0

export function paint(style: Style, text: string): string {
  return colours ? styleText(style, text) : text
}

export function act(title: string, about: string): void {
  console.log(`\n${paint(['bold', 'yellow'], title)}\n${paint('dim', about)}\n`)
}

export function say(text: string): void {
  console.log(`  ${text}`)
}

/** States a claim and whether it held. */
export function check(claim: string, held: boolean, detail = ''): void {
  if (!held) broken += 1
  const sign = held ? paint('green', '✔') : paint(['bold', 'red'], '✘ NOT SO:')
  console.log(`  ${sign} ${claim}${detail === '' ? '' : paint('dim', `  ${detail}`)}`)
}

/** How many claims did not hold. */
export function brokenClaims(): number {
  return broken
}

export function megabytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(0)} KB`
  return `${(bytes / 1024 / 1024).toFixed(0)} MB`
}

/** A row of bars, on a scale from nothing to `top`. */
export function sparkline(values: readonly number[], top: number): string {
  const bars = '▁▂▃▄▅▆▇█'
  const step = Math.max(1, Math.ceil(values.length / 48))
  const shown = values.filter((_, at) => at % step === 0)
  return shown.map((value) => bars[Math.min(7, Math.floor((value / top) * 8))]).join('')
}
