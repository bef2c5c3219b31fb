import type { Check } from '../doctor/check.ts'
import { askGoogle } from '../doctor/google-api.ts'
import { linesOf } from '../doctor/lines.ts'
import { databaseChecks } from '../doctor/project-checks.ts'
import { cronCheck, queueAt, queueCheck } from '../doctor/sweep-checks.ts'
import { EXIT, type ExitCode } from '../exit.ts'
import type { Output } from '../output.ts'
import { QUEUE } from './gcloud.ts'
import type { Wanted } from './plan.ts'

/** Prints what is missing in the project for a setup. Changes nothing. */
export async function checkProject(wanted: Wanted, output: Output): Promise<ExitCode> {
  const { project, database, kind, routes, platform } = wanted
  const ask = askGoogle(process.env)
  const place = { projectId: project, databaseId: database, kind }
  const checks: Check[] = [
    ...(await databaseChecks(place, ask)),
    await queueCheck(queueAt(wanted, QUEUE), ask),
    await cronCheck(
      {
        project,
        region: wanted.region,
        routes,
        lastSweep: null,
        now: Date.now(),
        http: null,
        isAppEngine: platform === 'appengine',
      },
      ask,
    ),
  ]
  const isWell = checks.every(({ state }) => state === 'ok')
  output.answer({ ok: isWell, checks }, () => checks.flatMap(linesOf))
  return isWell ? EXIT.done : EXIT.failed
}
