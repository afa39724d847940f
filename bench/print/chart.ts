// A line chart as SVG, small enough to review by eye. Guarantee: readable on a light and on a dark page, every
// point with its value as a tooltip, no script and no font of its own.

export interface Line {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

export interface Chart {
  readonly title: string
  readonly x: string
  readonly y: string
  /** Powers of ten at equal distances; zero is drawn at one. */
  readonly logarithmic?: boolean
  /** Both axes so: a straight line then means proportional. */
  readonly logarithmicY?: boolean
  readonly lines: readonly Line[]
  /** A horizontal line, such as a limit. */
  readonly limit?: { readonly y: number; readonly name: string }
}

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [720, 360, 70, 20, 40, 70]
const COLOURS = ['#2a6fdb', '#d9822b', '#3a9a5b', '#b0429a', '#777777']

export function svg(chart: Chart): string {
  const points = chart.lines.flatMap((line) => line.points)
  const xs = points.map(([x]) => x)
  const ys = [...points.map(([, y]) => y), ...(chart.limit === undefined ? [] : [chart.limit.y])]
  const acrossX = scale(xs, chart.logarithmic === true, LEFT, WIDTH - RIGHT)
  const acrossY = scale(
    chart.logarithmicY === true ? ys : [0, ...ys],
    chart.logarithmicY === true,
    HEIGHT - BOTTOM,
    TOP,
  )
  const body: string[] = [text(WIDTH / 2, 20, chart.title, 'middle', 15)]
  for (const y of acrossY.ticks) {
    body.push(
      rule(LEFT, acrossY.at(y), WIDTH - RIGHT, acrossY.at(y), 0.2),
      text(LEFT - 8, acrossY.at(y) + 4, short(y), 'end'),
    )
  }
  for (const x of acrossX.ticks) {
    body.push(
      rule(acrossX.at(x), TOP, acrossX.at(x), HEIGHT - BOTTOM, 0.1),
      text(acrossX.at(x), HEIGHT - BOTTOM + 18, short(x), 'middle'),
    )
  }
  if (chart.limit !== undefined) {
    const at = acrossY.at(chart.limit.y)
    body.push(`<path d="M${LEFT} ${n(at)}H${WIDTH - RIGHT}" stroke="#c33" stroke-dasharray="6 4"/>`)
    body.push(text(WIDTH - RIGHT, at - 6, chart.limit.name, 'end'))
  }
  chart.lines.forEach((line, index) => {
    const colour = COLOURS[index % COLOURS.length] ?? '#777777'
    const path = line.points.map(([x, y]) => `${n(acrossX.at(x))} ${n(acrossY.at(y))}`).join('L')
    body.push(`<path d="M${path}" fill="none" stroke="${colour}" stroke-width="2"/>`)
    if (line.points.length <= 24) {
      for (const [x, y] of line.points) {
        const title = `<title>${escaped(line.name)}: ${short(y)} at ${short(x)}</title>`
        body.push(
          `<circle cx="${n(acrossX.at(x))}" cy="${n(acrossY.at(y))}" r="3.5" fill="${colour}">${title}</circle>`,
        )
      }
    }
    const at = LEFT + index * ((WIDTH - LEFT - RIGHT) / chart.lines.length)
    body.push(`<path d="M${n(at)} ${HEIGHT - 14}h18" stroke="${colour}" stroke-width="3"/>`)
    body.push(text(at + 24, HEIGHT - 10, line.name, 'start'))
  })
  body.push(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - BOTTOM + 36, chart.x, 'middle'))
  body.push(text(LEFT - 8, TOP - 10, chart.y, 'start'))
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" font-family="system-ui, sans-serif" font-size="12">`,
    `<style>text{fill:#222}@media(prefers-color-scheme:dark){text{fill:#ddd}}</style>`,
    ...body,
    '</svg>\n',
  ].join('\n')
}

interface Scale {
  readonly ticks: readonly number[]
  at(value: number): number
}

function scale(values: readonly number[], logarithmic: boolean, from: number, to: number): Scale {
  const way = (value: number): number => (logarithmic ? Math.log10(Math.max(value, 1e-6)) : value)
  const [least, most] = [Math.min(...values), Math.max(...values)]
  const ticks = logarithmic ? decades(least, most) : round(least, most)
  const [low, high] = [way(Math.min(least, ticks[0] ?? least)), way(Math.max(most, ticks.at(-1) ?? most))]
  const span = high - low || 1
  return { ticks, at: (value) => from + ((way(value) - low) / span) * (to - from) }
}

function decades(least: number, most: number): number[] {
  const first = Math.floor(Math.log10(Math.max(least, 1e-6)))
  const last = Math.ceil(Math.log10(Math.max(most, 1e-6)))
  return Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index))
}

function round(least: number, most: number): number[] {
  const rough = (most - least || 1) / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = ([1, 2, 5, 10].find((times) => times * power >= rough) ?? 10) * power
  const first = Math.floor(least / step)
  return Array.from({ length: Math.ceil(most / step) - first + 1 }, (_, index) => (first + index) * step)
}

const n = (value: number): string => String(Math.round(value * 10) / 10)

function short(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`
  if (value >= 1e3) return `${Number((value / 1e3).toPrecision(3))}k`
  return String(Number(value.toPrecision(3)))
}

function rule(x1: number, y1: number, x2: number, y2: number, opacity: number): string {
  return `<path d="M${n(x1)} ${n(y1)}L${n(x2)} ${n(y2)}" stroke="#888" stroke-opacity="${opacity}"/>`
}

function text(x: number, y: number, content: string, anchor: string, size = 12): string {
  return `<text x="${n(x)}" y="${n(y)}" text-anchor="${anchor}" font-size="${size}">${escaped(content)}</text>`
}

function escaped(content: string): string {
  return content.replace(/[<>&]/g, (one) => `&#${one.charCodeAt(0)};`)
}
