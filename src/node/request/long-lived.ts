/**
 * Whether the server handed the request to a listener for "upgrade" or CONNECT, and not to one that answers: Node takes
 * the sign off where nobody listens.
 */
export function isUpgrade(req: object): boolean {
  return (req as { readonly upgrade?: unknown }).upgrade === true
}

/**
 * Whether the request goes on when its response has left: `socket.request` of socket.io is the request of the handshake,
 * and stays as long as the socket does. Engine.IO notes its query there, which a client has no hand in otherwise.
 */
export function outlivesResponse(req: object): boolean {
  const { _query: query } = req as { readonly _query?: unknown }
  return (
    typeof query === 'object' &&
    query !== null &&
    typeof (query as { readonly transport?: unknown }).transport === 'string'
  )
}
