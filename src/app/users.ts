/** Somebody who can sign in to the demo. */
export interface DemoUser {
  /** What the session keeps as its user. */
  readonly id: string
  readonly name: string
}

/**
 * Who can sign in. There are no passwords on purpose: how users prove who they are is the business of an
 * app, what happens to the session then is what is shown here. Never do this outside a demo.
 */
export const DEMO_USERS: readonly DemoUser[] = [
  { id: 'ada', name: 'Ada Lovelace' },
  { id: 'grace', name: 'Grace Hopper' },
  { id: 'konrad', name: 'Konrad Zuse' },
]

/** The user of a session. A session may live longer than the list of users: it still says whose it is. */
export function userNamed(id: string, users: readonly DemoUser[]): DemoUser {
  return users.find((user) => user.id === id) ?? { id, name: id }
}
