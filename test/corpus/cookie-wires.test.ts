import express from 'express'
import { describe, expect, it } from 'vitest'
import { serve, setup, storedCookie, wire } from '../express/helpers.ts'
import { idOf, keyOfCookie } from '../request/harness.ts'
import { COOKIE_WIRES, type WireCase } from './cookie-headers.ts'

describe('a request with', () => {
  it.each(Object.entries(COOKIE_WIRES))('%s', async (_, { lines, status, outcome }: WireCase) => {
    const { sessions, store } = setup()
    const cookie = await storedCookie(sessions)
    const other = await storedCookie(sessions)
    store.clearCalls()
    const { port, errors } = await serve({ express, sessions }, (req, res) => {
      res.send(`outcome=${req.session.loadOutcome}`)
    })
    const ids = { id: idOf(cookie), other: idOf(other), key: keyOfCookie(cookie) }
    const { socket, closed, text } = await wire(port, '')
    const request = ['GET / HTTP/1.1', 'Host: x', 'Connection: close', ...lines(ids), '', '']
    socket.write(request.join('\r\n'), 'latin1')
    await closed
    expect(text()).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    if (outcome !== undefined) expect(text()).toContain(`outcome=${outcome}`)
    expect(text()).not.toContain('Set-Cookie')
    expect(errors).toEqual([])
    const looked = outcome === 'live' || outcome === 'unknown' ? 1 : 0
    expect([store.finds, store.writes]).toEqual([looked, 0])
  })
})
