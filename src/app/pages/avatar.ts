import { type Html, html } from '../../express/console/html.ts'
import type { DemoUser } from '../users.ts'

/** The initials of a user. Screen readers skip them, because the name stands beside them. */
export function avatar({ name }: DemoUser): Html {
  const initials = name
    .split(' ')
    .map((word) => word.slice(0, 1))
    .join('')
  return html`<span class="avatar" aria-hidden="true">${initials.slice(0, 2)}</span>`
}
