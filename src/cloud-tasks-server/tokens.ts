import { createSign, generateKeyPairSync, hash, type webcrypto } from 'node:crypto'

/** The claims of a token; `undefined` leaves a claim out. */
export interface TokenClaims {
  readonly [claim: string]: string | number | boolean | undefined
}

/** A public key as a JSON Web Key, with the type of Web Crypto, which all versions of @types/node have. */
type PublicJwk = webcrypto.JsonWebKey & { readonly kid: string }

/** Signs tokens like Google's, with its own key. */
export interface TokenSigner {
  readonly issuer: string
  /** The id of the key. */
  readonly kid: string
  /** The public key as a JSON Web Key Set. */
  readonly jwks: { readonly keys: readonly PublicJwk[] }
  /** The public key as PEM, by its id, for `OAuth2Client.verifySignedJwtWithCertsAsync`. */
  readonly certificates: Readonly<Record<string, string>>
  /**
   * Makes a token of this account for this audience. `claims` override the usual ones, so that a test can make wrong
   * tokens.
   */
  token(audience: string, email: string, claims?: TokenClaims): string
}

/** How long a token is valid, in seconds, the same as Google's. */
const LIFETIME = 3600

/** Makes the key of a signer, in the forms in which it is shown. */
function makeKeys() {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const kid = hash('sha256', pem, 'hex').slice(0, 40)
  const jwk: PublicJwk = { ...publicKey.export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig' }
  return { privateKey, kid, jwk, pem }
}

/** Makes a signer. Its key is made on first use, since that takes time and most tests need no key. */
export function tokenSigner(now: () => number): TokenSigner {
  const issuer = 'https://accounts.google.com'
  let made: ReturnType<typeof makeKeys> | null = null
  const keys = () => (made ??= makeKeys())
  return {
    issuer,
    get kid() {
      return keys().kid
    },
    get jwks() {
      return { keys: [keys().jwk] }
    },
    get certificates() {
      const { kid, pem } = keys()
      return { [kid]: pem }
    },
    token(audience, email, claims = {}) {
      const { privateKey, kid } = keys()
      const iat = Math.floor(now() / 1000)
      const sub = BigInt(`0x${hash('sha256', email, 'hex').slice(0, 16)}`).toString()
      const payload = {
        iss: issuer,
        aud: audience,
        azp: sub,
        sub,
        email,
        email_verified: true,
        iat,
        exp: iat + LIFETIME,
        ...claims,
      }
      const signed = `${part({ alg: 'RS256', kid, typ: 'JWT' })}.${part(payload)}`
      const signature = createSign('RSA-SHA256').update(signed).sign(privateKey, 'base64url')
      return `${signed}.${signature}`
    },
  }
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
