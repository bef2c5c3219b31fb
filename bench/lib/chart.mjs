import { show } from './numbers.mjs'

const WIDTH = 760
const BAR = 16
const GAP = 4
const LEFT = 210
const RIGHT = 70

/** Readable on a white and on a dark page: middle tones, with text in the colour of the scheme. */
const STYLE = `
    text { font: 12px system-ui, sans-serif; fill: #1f2328; }
    .title { font-weight: 600; font-size: 14px; }
    .note, .group { fill: #59636e; }
    .group { font-weight: 600; }
    .axis { stroke: #d1d9e0; }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc; }
      .note, .group { fill: #9198a1; }
      .axis { stroke: #3d444d; }
    }`

/**
 * One colour for each series, which people with red-green colour blindness can distinguish too (the set of Okabe and
 * Ito).
 */
const COLOURS = ['#0072b2', '#56b4e9', '#009e73', '#999999', '#d55e00', '#cc79a7', '#e69f00']

/**
 * Draws bars in groups, from left to right. `series`: names in their order; `groups`: each with a label and a value for
 * each series, `null` for a missing one.
 */
export function barChart({ title, note, series, groups }) {
  const most = Math.max(...groups.flatMap(({ values }) => values.map((value) => value ?? 0)))
  const span = WIDTH - LEFT - RIGHT
  const lines = []
  let y = 62
  for (const { label, values } of groups) {
    lines.push(text(16, y + 12, label, 'group'))
    values.forEach((value, at) => {
      if (value === null || value === undefined) return
      const length = most === 0 ? 0 : (value / most) * span
      lines.push(
        text(LEFT - 8, y + 12, series[at], 'name', 'end'),
        `<rect x="${LEFT}" y="${y}" width="${Math.max(length, 1).toFixed(1)}" height="${BAR}" rx="2" fill="${COLOURS[at % COLOURS.length]}"/>`,
        text(LEFT + length + 6, y + 12, show(value), 'value'),
      )
      y += BAR + GAP
    })
    y += 12
  }
  return svg(title, note, y, [
    ...lines,
    `<line class="axis" x1="${LEFT}" y1="54" x2="${LEFT}" y2="${y - 12}"/>`,
  ])
}

function svg(title, note, height, lines) {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height + 8}" width="${WIDTH}" height="${height + 8}" role="img" aria-label="${escaped(title)}">
  <style>${STYLE}
  </style>
  ${text(16, 22, title, 'title')}
  ${text(16, 40, note, 'note')}
  ${lines.join('\n  ')}
</svg>
`
}

function text(x, y, content, kind, anchor = 'start') {
  return `<text class="${kind}" x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${escaped(content)}</text>`
}

function escaped(content) {
  return String(content).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
