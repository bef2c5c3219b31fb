/**
 * Everything that the commands do. It is loaded when a command is called, with the core of the package: help, completion
 * and wrong options need none of it, and a shell waits for completion at each TAB.
 */
export { doctor } from './doctor/doctor.ts'
export { events } from './events.ts'
export { exportAll } from './export.ts'
export { importAll } from './import.ts'
export { onSessions } from './job.ts'
export { kill } from './kill.ts'
export { list } from './list.ts'
export { rewrite } from './rewrite.ts'
export { runs } from './runs.ts'
export { setup } from './setup/setup.ts'
export { show } from './show.ts'
export { stats } from './stats.ts'
export { status } from './status.ts'
export { sweep } from './sweep.ts'
export { teardown } from './teardown.ts'
