// The chart of a group: for each scene, a bar of each contender's median, with its range.

import { median } from './measure.mjs'
import { UNITS } from './units.mjs'

const COLOURS = ['#c2410c', '#475569', '#94a3b8', '#0f766e', '#a16207', '#6d28d9', '#be123c', '#1d4ed8']
const [WIDTH, LABEL, BAR, GAP, TOP] = [900, 260, 16, 14, 64]

/** Logarithmic, because values differ by decades. Each scene has its own scale, because units differ. */
export function chart(title, scenes) {
  const contenders = [...new Set(scenes.flatMap(({ results }) => Object.keys(results)))]
  const colourOf = (name) => COLOURS[contenders.indexOf(name) % COLOURS.length]
  const parts = []
  let y = TOP
  for (const scene of scenes.filter(hasAny)) {
    const { height, marks } = bars(scene, y, colourOf)
    parts.push(...marks)
    y += height + GAP
  }
  const step = WIDTH / contenders.length
  const legend = contenders.map((name, at) => {
    const x = 10 + at * step
    return `<rect x="${x.toFixed(1)}" y="34" width="12" height="12" fill="${colourOf(name)}"/>${text(x + 17, 44, name)}`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" font-family="sans-serif" font-size="11" fill="#1e293b">
<title>${escaped(title)}</title>
<rect width="100%" height="100%" fill="#ffffff"/>
${text(10, 20, `${title} (logarithmic; medians, and their range)`, 'start', 14)}
${[...legend, ...parts].join('\n')}
</svg>
`
}

// A scene in which all values are 0 has no bars.
const hasAny = ({ results }) => Math.max(...Object.values(results).flat()) > 0

function bars({ name, unit, results }, top, colourOf) {
  const { write } = UNITS[unit]
  const entries = Object.entries(results)
  const all = entries.flatMap(([, values]) => values).filter((value) => value > 0)
  const [low, high] = [Math.min(...all) / 2, Math.max(...all)]
  const room = WIDTH - LABEL - 90
  // 0 has no logarithm.
  const place = (value) => LABEL + (value > 0 ? (room * Math.log(value / low)) / Math.log(high / low) : 0)
  const marks = [text(LABEL - 10, top + (entries.length * BAR) / 2 + 2, name, 'end')]
  for (const [at, [contender, values]] of entries.entries()) {
    const y = top + at * BAR
    const [from, to, middle] = [Math.min(...values), Math.max(...values), median(values)].map(place)
    const width = (middle - LABEL).toFixed(1)
    marks.push(`<rect x="${LABEL}" y="${y}" width="${width}" height="${BAR - 3}" fill="${colourOf(contender)}"/>`)
    marks.push(line(from, to, y + (BAR - 3) / 2))
    marks.push(text(to + 6, y + BAR - 6, write(median(values))))
  }
  return { height: entries.length * BAR, marks }
}

const escaped = (value) => value.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
const text = (x, y, value, anchor = 'start', size = 11) =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" font-size="${size}">${escaped(value)}</text>`
const line = (from, to, y) =>
  `<line x1="${from.toFixed(1)}" x2="${to.toFixed(1)}" y1="${y}" y2="${y}" stroke="#000000" stroke-opacity="0.5"/>`
