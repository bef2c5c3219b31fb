import { SessionConfigError } from '../base/errors.ts'
import { entitiesOf } from '../store/entities.ts'
import { Importer } from './importer.ts'
import { NewIds } from './new-ids.ts'
import { OldEntities } from './old-entities.ts'
import { OldSearch } from './old-search.ts'
import type { ConnectableSource } from '../write/source.ts'
import type { OldSessions, OldSystem } from './old-system.ts'
import { SameIds } from './same-ids.ts'

/** The sessions of a system as a source. */
export function oldSessions(system: OldSystem): OldSessions {
  const source: OldSessions & ConnectableSource = {
    system: system.name,
    connect: (host) => {
      const { settings, recordOf } = host
      const store = entitiesOf(settings.store)
      if (store === null) {
        throw new SessionConfigError(
          'legacy needs the store that the old sessions are in: set the option store to datastoreStore()',
        )
      }
      const entities = new OldEntities(system, store, settings)
      if (recordOf === null) {
        system.checkForCookies()
        const ids = new NewIds(entities, settings)
        const parts = { entities, ids, importer: new Importer(entities, ids), host }
        return (header) => new OldSearch(system.read(header), parts)
      }
      system.checkForIds()
      const ids = new SameIds(recordOf)
      const nameIn = (id: string | undefined) => (id !== undefined && system.isName(id) ? id : null)
      const parts = { entities, ids, importer: new Importer(entities, ids), host }
      return (id) => new OldSearch(nameIn(id), parts)
    },
  }
  return source
}
