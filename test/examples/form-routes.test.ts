// The staged uploads of the uploads example, without a browser.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { TempFileManager } from 'temp-file-manager'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { answerProblem, formRoutes } from '../../examples/uploads/form-routes.ts'
import { tempBase } from '../fixtures/temp-base.ts'

let manager: TempFileManager
let close: () => Promise<void>
let url: string

beforeEach(async () => {
  manager = new TempFileManager({ baseDir: tempBase() })
  const server = createServer(express().use(formRoutes(manager)).use(answerProblem)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}` // it listens on a port
  close = async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
})

afterEach(async () => {
  await close()
  await manager.close()
})

async function stage(content: string): Promise<string> {
  const body = new FormData()
  body.set('filepond', new Blob([content]), 'note.txt')
  return await (await fetch(`${url}/staged`, { method: 'POST', body })).text()
}

function submit(tickets: readonly string[]): Promise<Response> {
  const body = new URLSearchParams({ title: 'Notes' })
  for (const ticket of tickets) body.append('filepond', ticket)
  return fetch(`${url}/submit`, { method: 'POST', body })
}

test('a form with a ticket that is gone claims none of its files', async () => {
  const tickets = [await stage('first'), await stage('second'), await stage('third')]
  await manager.discard(tickets[1] ?? '')
  const refused = await submit(tickets)
  expect(refused.status).toBe(410)
  expect(refused.headers.get('content-type')).toContain('application/problem+json')
  const again = await submit([tickets[0] ?? '', tickets[2] ?? ''])
  expect(await again.json()).toEqual({ title: 'Notes', names: ['note.txt', 'note.txt'] })
  expect(await manager.handoffs()).toEqual([])
})

test('a form without a body is one without files', async () => {
  const response = await fetch(`${url}/submit`, { method: 'POST' })
  expect([response.status, await response.json()]).toEqual([200, { names: [] }])
})
