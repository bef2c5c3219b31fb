import { type Request, Router } from 'express'
import type { Session } from '../index.ts'
import { seeOther } from './forms.ts'
import { type AppData, type RaceResult, sessionOf } from './session-data.ts'
import type { AppSessions } from './sessions.ts'

/** Makes two parallel changes of one session, and the same changes of a record that is saved as a whole. */
export function racing(sessions: AppSessions): Router {
  const router = Router()

  router.post('/race', async (request, response) => {
    const session = sessionOf(request)
    // A visitor without a stored session has nothing to change.
    if (session.key !== null) {
      const round = (session.get('left') ?? 0) + 1
      const kept = await raceSession(sessions, request, round)
      session.flash('race', { kept, whole: await raceRecord() } satisfies RaceResult)
    }
    seeOther(response, '/#race')
  })

  return router
}

/** Does what two requests with the cookie of this one do: both load, and then both store. */
async function raceSession(
  sessions: AppSessions,
  { headers: { cookie }, secure }: Request,
  round: number,
): Promise<RaceResult['kept']> {
  const load = (): Promise<Session<AppData>> =>
    sessions.open({ cookie, secure, loopback: !secure }).load()
  const before = (await load()).get('together') ?? 0
  // #region race
  const [a, b] = await Promise.all([load(), load()])
  a.set('left', round)
  b.set('right', round)
  await Promise.all([a.change(countUp), b.change(countUp)])
  // #endregion
  const after = await load()
  return {
    left: after.get('left') === round,
    right: after.get('right') === round,
    together: (after.get('together') ?? 0) - before,
  }
}

/** `change()` runs this again if the other request has stored something in between. */
function countUp(data: AppData): void {
  data.together = (data.together ?? 0) + 1
}

interface PlainData {
  left: boolean
  right: boolean
  together: number
}

/** A record as many session stores keep it: loaded as a whole, and saved as a whole. */
class PlainRecord {
  #json = JSON.stringify({ left: false, right: false, together: 0 } satisfies PlainData)

  async load(): Promise<PlainData> {
    return JSON.parse(this.#json) as PlainData
  }

  async save(data: PlainData): Promise<void> {
    this.#json = JSON.stringify(data)
  }
}

/** Makes the same changes of a record. The last save overwrites the first. */
async function raceRecord(): Promise<RaceResult['whole']> {
  const record = new PlainRecord()
  const [a, b] = await Promise.all([record.load(), record.load()])
  a.left = true
  b.right = true
  a.together += 1
  b.together += 1
  await Promise.all([record.save(a), record.save(b)])
  return await record.load()
}
