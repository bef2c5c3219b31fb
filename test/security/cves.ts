/** One published defect of another session library, and its test or the reason why there is none. */
export interface Cve {
  /** The beginning of its tests' names: an id, or the name of the library if there is no id. */
  readonly id: string
  readonly where: string
  /** The defect. */
  readonly cause: string
  /** The reason why this package cannot have the defect, so that there is no test; `null`: there is a test. */
  readonly without: string | null
}

function cve(id: string, where: string, cause: string, without: string | null = null): Cve {
  return { id, where, cause, without }
}

/** Every row of the list in the issue. */
export const CVES: readonly Cve[] = [
  cve('CVE-2024-35220', '@fastify/session', 'loading counted the expiry anew, so the dead lived'),
  cve('CVE-2024-31999', '@fastify/secure-session', 'a destroyed cookie could be replayed for ever'),
  cve('@fastify/session regenerate', '@fastify/session', 'regenerate() left the old session valid'),
  cve('CVE-2022-25896', 'passport', 'login and logout kept the id'),
  cve('CVE-2023-29019', '@fastify/passport', 'login kept the id'),
  cve('CVE-2023-29020', '@fastify/passport', 'a CSRF secret from before the login was still valid'),
  cve('CVE-2022-24895', 'Symfony', 'the id changed at login, the CSRF tokens did not'),
  cve('CVE-2023-27495', '@fastify/csrf-protection', 'a token was valid for other sessions'),
  cve('CVE-2021-29624', 'fastify-csrf', 'a token was valid for other sessions'),
  cve('csurf', 'csurf', 'the CSRF secret stood in a cookie that others could plant'),
  cve('CVE-2025-46336', 'rack-session', 'a slow request stored a deleted session again'),
  cve('CVE-2025-32441', 'rack', 'a slow request stored a deleted session again'),
  cve(
    'CVE-2026-39324',
    'rack-session',
    'a value that could not be verified was read as unprotected',
  ),
  cve('CVE-2019-16782', 'rack', 'the id itself was the key of the store'),
  cve('CVE-2020-8184', 'rack', 'names of cookies were decoded, so prefixes could be forged'),
  cve('CVE-2020-1045', 'ASP.NET Core', 'names of cookies were decoded'),
  cve('CVE-2022-31629', 'PHP', 'names of cookies were changed into protected ones'),
  cve('CVE-2023-23934', 'Werkzeug', 'a cookie without a name could pass for another'),
  cve('CVE-2024-38513', 'gofiber', 'an id that the client made up became a session'),
  cve('CVE-2018-1000519', 'aiohttp-session', 'an id that the client made up became a session'),
  cve('CVE-2018-1000814', 'aiohttp-session', 'only the cookie knew the maximum age'),
  cve('CVE-2015-5143', 'Django', 'each unknown cookie stored an empty record'),
  cve('CVE-2015-3982', 'Django', 'the empty text was a key that many shared'),
  cve('CVE-2023-30861', 'Flask', 'a renewed cookie without Vary could be cached for others'),
  cve('CVE-2026-27205', 'Flask', 'some ways to read did not mark the session as used'),
  cve('CVE-2025-47278', 'Flask', 'the oldest secret signed'),
  cve(
    'CVE-2023-20862',
    'Spring Security',
    'an empty session was not stored, so a logout did not stick',
  ),
  cve('CVE-2023-20866', 'Spring Session', 'the id was logged'),
  cve('CVE-2025-61686', 'React Router', 'the id was used as the path of a file'),
  cve('CVE-2024-3400', 'PAN-OS (gorilla/sessions)', 'the id was part of the name of a file'),
  cve('GO-2024-2730', 'gorilla/sessions', 'the id was part of the name of a file'),
  cve('CVE-2013-7489', 'Beaker', 'stored data could name code to run'),
  cve('CVE-2016-1000236', 'cookie-signature', 'the time of a comparison told how much was right'),
  cve('CVE-2019-15658', 'connect-pg-simple', 'an option went into a query as it was'),
  cve('CVE-2024-47764', 'cookie', 'name, path and domain could bring in attributes'),
  cve('CVE-2025-7339', 'on-headers', 'headers given as a list were changed'),
  cve(
    'cookie-session',
    'cookie-session',
    'the client can read and replay the session, and what cannot be written is dropped in silence',
  ),
  cve(
    'iron-session',
    'iron-session',
    'destroy() only took the cookie away, and sessions could live for ever',
  ),
  cve('h3', 'h3', 'a header counted before the cookie, and all errors were swallowed'),
  cve('Remix', 'Remix', 'a new id kept the old session unless asked, and saving could create'),
  cve(
    'CVE-2024-31999 notBefore',
    '@fastify/secure-session',
    'a sealed cookie is good until its maximum age, whatever the server says',
    'there is no stateless cookie session: every request asks the store, and what has ended there is over',
  ),
  cve(
    'CVE-2018-1000814 sealed',
    'aiohttp-session',
    'a sealed cookie without a time inside',
    'nothing is sealed into the cookie; its age is that of the record, which the server checks',
  ),
  cve(
    'CVE-2026-39324 encrypted',
    'rack-session',
    'a decoder of encrypted cookies fell back to plain ones',
    'no cookie is encrypted; the test of that id is on signatures, which are the like of it here',
  ),
]
