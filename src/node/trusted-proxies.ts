import type { IncomingMessage } from 'node:http'
import proxyAddr from 'proxy-addr'
import { wrongOption } from '../base/option-checks.ts'
import { type AnyRequest, isEncrypted, type TrustedProxies } from './request/session-request.ts'

/**
 * Which proxies an app trusts to describe a request. `true`: all; a number: that many proxies before the app; addresses
 * and subnets, such as `'loopback'` or `'10.0.0.0/8'`; or a function that is called for each address.
 */
export type TrustProxy =
  | boolean
  | number
  | string
  | readonly string[]
  | ((address: string, hop: number) => boolean)

type Trusts = (address: string, hop: number) => boolean

/** Checks the option `trustProxy`. */
export function trustedProxiesFrom(of: string, trustProxy: TrustProxy): TrustedProxies {
  const trusts = trustsFrom(of, trustProxy)
  return {
    isSecure(req) {
      const forwarded = req.headers['x-forwarded-proto']
      if (typeof forwarded !== 'string' || !trusts(addressOf(req), 0)) return isEncrypted(req)
      // The first value, as Express reads it: the protocol between the client and the outermost proxy.
      return forwarded.split(',', 1)[0]?.trim().toLowerCase() === 'https'
    },
    // proxyAddr reads only the properties that both kinds of requests have.
    clientOf: (req) => proxyAddr(req as IncomingMessage, trusts),
  }
}

function addressOf(req: AnyRequest): string {
  return req.socket?.remoteAddress ?? ''
}

function trustsFrom(of: string, trustProxy: TrustProxy): Trusts {
  if (typeof trustProxy === 'function') return trustProxy
  if (typeof trustProxy === 'boolean') return () => trustProxy
  if (typeof trustProxy === 'number') {
    if (!Number.isSafeInteger(trustProxy) || trustProxy < 0) throw wrong(of, trustProxy)
    return (_address, hop) => hop < trustProxy
  }
  const addresses = typeof trustProxy === 'string' ? trustProxy.split(',') : trustProxy
  if (!Array.isArray(addresses) || addresses.some((one) => typeof one !== 'string')) {
    throw wrong(of, trustProxy)
  }
  try {
    return proxyAddr.compile(addresses.map((one) => one.trim()))
  } catch {
    throw wrong(of, trustProxy)
  }
}

function wrong(of: string, given: unknown): Error {
  return wrongOption(
    `${of}: trustProxy`,
    "must be true, false, a number of proxies, addresses such as 'loopback' or '10.0.0.0/8', or a function",
    given,
  )
}
