import { randomBytes } from 'node:crypto'
import { checkOptions, namesOf } from '../base/option-checks.ts'
import { keyOf, mintId } from '../record/id.ts'
import type { SecurityKeyName, SecurityKeyRecord } from '../record/record.ts'

const OPTIONS = namesOf<SecurityKeyRecord>({
  name: true,
  session: true,
  purpose: true,
  data: true,
  created: true,
  expires: true,
})

/** The default creation time of a sample: 1 January 2030, 12:30 UTC. */
const CREATED = Date.UTC(2030, 0, 1, 12, 30)

const HOUR = 60 * 60 * 1000

/** Makes a security key as it is stored, under a random name and without a session, for tests of stores. */
export function sampleSecurityKey(options: Partial<SecurityKeyRecord> = {}): SecurityKeyRecord {
  checkOptions('sampleSecurityKey()', options, OPTIONS)
  const created = options.created ?? CREATED
  return {
    // The name is a hash, like that of a session.
    name: keyOf(mintId(randomBytes)) as string as SecurityKeyName,
    session: null,
    purpose: '',
    data: null,
    created,
    expires: created + HOUR,
    ...options,
  }
}
