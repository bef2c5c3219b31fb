/**
 * Whether the server passed the request to a listener for "upgrade" or "connect", which gets no response object. Node
 * clears this flag when there is no such listener.
 */
export function isUpgrade(req: object): boolean {
  return (req as { readonly upgrade?: unknown }).upgrade === true
}

/**
 * Whether the request is used after its response was sent. In socket.io, `socket.request` is the request of the
 * handshake and lives as long as the socket. Engine.IO stores the parsed query in `_query`; a client cannot set that
 * property in any other way.
 */
export function outlivesResponse(req: object): boolean {
  const { _query: query } = req as { readonly _query?: unknown }
  return (
    typeof query === 'object' &&
    query !== null &&
    typeof (query as { readonly transport?: unknown }).transport === 'string'
  )
}
