import { SessionConfigError } from '../base/errors.ts'
import { entitiesOf } from '../store/entities.ts'
import { Importer } from './importer.ts'
import { NewIds } from './new-ids.ts'
import { OldEntities } from './old-entities.ts'
import { OldSearch } from './old-search.ts'
import type { ConnectableSource, Searches } from '../write/source.ts'
import { type Ids, SameIds } from './ids.ts'
import type { OldSessions, OldSystem } from './old-system.ts'

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
      system.checkFor(recordOf === null ? 'cookies' : 'ids')
      const entities = new OldEntities(system, store, settings)
      const searches = (
        ids: Ids,
        nameIn: (presented: string | undefined) => string | null,
      ): Searches => {
        const parts = { entities, ids, importer: new Importer(entities, ids), host }
        return (presented) => new OldSearch(nameIn(presented), parts)
      }
      if (recordOf === null) {
        return searches(new NewIds(entities, settings), (header) => system.read(header))
      }
      return searches(new SameIds(recordOf), (id = '') => (system.isName(id) ? id : null))
    },
  }
  return source
}
