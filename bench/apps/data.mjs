/** One line of a shopping cart, about 100 bytes of JSON. */
function line(index) {
  return {
    article: `article-${String(index).padStart(6, '0')}`,
    title: 'A thing that somebody may buy',
    count: (index % 5) + 1,
    price: 19.95,
  }
}

/**
 * Makes the data of a session: a name, a counter, and a cart that fills it up to about this many bytes, or to this many
 * keys of about 40 bytes each.
 */
export function sampleData({ bytes = 500, keys = 0 } = {}) {
  if (keys === 1) return { name: 'Ada' }
  const data = { name: 'Ada', n: 0 }
  if (keys > 0) {
    for (let key = 2; key < keys; key++) data[`key${key}`] = `value ${'x'.repeat(20)} ${key}`
    return data
  }
  const cart = []
  for (let size = 0; size < bytes - 110; size += 100) cart.push(line(cart.length))
  return { ...data, cart }
}

/** Returns what the query asks the pages for. */
export function wanted(req) {
  return { bytes: Number(req.query.bytes ?? 500), keys: Number(req.query.keys ?? 0) }
}
