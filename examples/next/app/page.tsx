import { redirect } from 'next/navigation'
import { inAction, readSession } from '../lib/session'

async function count() {
  'use server'
  await inAction(async (session) => session.set('views', (session.get('views') ?? 0) + 1))
  redirect('/')
}

async function login() {
  'use server'
  await inAction((session) => session.login('alice')) // once you have checked who it is
  redirect('/')
}

async function logout() {
  'use server'
  await inAction((session) => session.logout())
  redirect('/')
}

export default async function Home() {
  const session = await readSession()
  return (
    <main>
      <p>{`${session.user} pressed ${session.get('views') ?? 0} times`}</p>
      <form action={count}>
        <button type="submit">Press</button>
      </form>
      <form action={session.isGuest ? login : logout}>
        <button type="submit">{session.isGuest ? 'Log in' : 'Log out'}</button>
      </form>
    </main>
  )
}
