/** Returns the middle value; of an even count, the lower of the two. */
export function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)]
}

/** Formats a number with an adequate number of digits. */
export function show(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return '-'
  if (value === 0) return '0'
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return value.toFixed(digits)
}

/** Formats the ratio of two values. */
export function ratio(value, base) {
  return `${show(value / base)} x`
}

/** Makes a Markdown table. The first column is text, the others are numbers. */
export function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [
    line(head),
    line(head.map((_, at) => (at === 0 ? '---' : '---:'))),
    ...rows.map(line),
  ].join('\n')
}
