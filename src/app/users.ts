/** A user of the demo. */
export interface DemoUser {
  /** The user of the session. */
  readonly id: string
  readonly name: string
}

/**
 * The users of the demo. They have no passwords: this app shows sessions, and not how users prove who they are. Never do
 * this outside a demo.
 */
export const DEMO_USERS: readonly DemoUser[] = [
  { id: 'ada', name: 'Ada Lovelace' },
  { id: 'grace', name: 'Grace Hopper' },
  { id: 'konrad', name: 'Konrad Zuse' },
]

/** Finds a user by id. A session can outlive its entry in the list: then the id is the name. */
export function userNamed(id: string, users: readonly DemoUser[]): DemoUser {
  return users.find((user) => user.id === id) ?? { id, name: id }
}
