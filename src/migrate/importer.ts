import { keyOf, type SessionId } from '../record/id.ts'
import { LINK_UNIT, digestsOf, encodeLink } from './link.ts'
import { Payload } from '../record/payload.ts'
import type { SessionRecord, Unreadable } from '../record/record.ts'
import type { Asking, Loaded, Source } from '../write/source.ts'
import type { Claim, Ids } from './ids.ts'
import type { OldEntities, OldFound } from './old-entities.ts'
import { hashOfOldId } from './old-system.ts'
import { LinkedSource, withSource } from './sources.ts'

/** Makes of old sessions what they will be in our layout. Nothing of them is stored there before their first write. */
export class Importer {
  readonly #entities: OldEntities
  readonly #ids: Ids

  constructor(entities: OldEntities, ids: Ids) {
    this.#entities = entities
    this.#ids = ids
  }

  /** `claim`: what said so far as which session the old one goes on. */
  imported(name: string, id: SessionId, old: OldFound, claim: Claim | null): Loaded {
    const { system } = this.#entities
    const record = this.#recordOf(name, id, old)
    const replaced = claim?.isOurs ? claim.version : null
    const afterwards = system.sideBySide
      ? new LinkedSource(this.#entities.removing(name, null))
      : null
    const source: Source = {
      isStored: replaced !== null,
      aliveUntil: old.aliveUntil,
      news: null,
      storing: this.#entities.writing(() => [
        ...this.#ids.claiming(name, record.key, claim),
        ...(system.sideBySide ? [] : [this.#entities.removalOf(name, old.version)]),
      ]),
      ending: this.#entities.removing(name, old.version),
      afterwards,
      again: (_, asking) => this.#again(name, id, claim, afterwards, asking),
    }
    return { record, version: replaced ?? old.version, source }
  }

  async #again(
    name: string,
    id: SessionId,
    before: Claim | null,
    afterwards: Source | null,
    asking: Asking,
  ): Promise<Loaded | Unreadable | null> {
    const [entity, claim] = await Promise.all([
      this.#entities.find(name, asking),
      this.#ids.claimOn(name, asking),
    ])
    if (claim !== null && claim.version !== before?.version) {
      return withSource(await claim.find(asking), afterwards)
    }
    const old = this.#entities.read(name, entity)
    return typeof old === 'string' ? null : this.imported(name, id, old, claim)
  }

  #recordOf(name: string, id: SessionId, old: OldFound): SessionRecord {
    const key = keyOf(id)
    const record = this.#ids.recordOf(key, old)
    if (!this.#entities.system.sideBySide) return record
    const link = {
      hash: hashOfOldId(name),
      version: old.version,
      digests: digestsOf(old.units),
      ...this.#ids.linkOf(name, id, old.user),
    }
    const payload = Payload.decode(record.data, key).with(new Map([[LINK_UNIT, encodeLink(link)]]))
    return { ...record, data: payload.encode(key) }
  }
}
