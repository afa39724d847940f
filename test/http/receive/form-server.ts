// A server that receives forms and answers with their content.

import { readFile } from 'node:fs/promises'
import { afterEach, beforeEach, expect } from 'vitest'
import { type Form, type FormOptions, receiveForm } from '../../../src/http/index.ts'
import { isTempFileError } from '../../../src/index.ts'
import { FORM_TYPE, multipart, type Part, post } from '../clients.ts'
import { Premises, type Served, serve } from '../premises.ts'

export interface FormServer {
  premises: Premises
  server: Served
  rules: FormOptions
  form: Form | undefined
  /** Listeners on the last request that were not there before. */
  listeners(): Record<string, number>
  received(
    parts: readonly Part[],
  ): Promise<{ fields: Record<string, unknown>; files: Record<string, unknown>[] }>
  /** Posts a body and returns status and text of the answer. */
  answer(body: Buffer, type?: string): Promise<string>
}

/** Set up again for each test of the file that calls it. */
export function formServer(): FormServer {
  // Filled before each test.
  const here = {} as FormServer

  here.answer = async (body, type = FORM_TYPE) => {
    const response = await post(here.server.url, body, { 'content-type': type })
    return `${response.status} ${await response.text()}`
  }
  here.received = async (parts) => {
    const response = await post(here.server.url, multipart(parts))
    expect(response.status).toBe(200)
    return (await response.json()) as { fields: Record<string, unknown>; files: Record<string, unknown>[] }
  }

  beforeEach(async () => {
    here.premises = new Premises()
    here.rules = {}
    here.form = undefined
    here.server = await serve(async (req, res) => {
      const before = countListeners(req)
      here.listeners = () => difference(before, countListeners(req))
      try {
        await using form = await receiveForm(req, here.premises.manager, here.rules)
        here.form = form
        res.end(JSON.stringify({ fields: form.fields, files: await describeFiles(form) }))
      } catch (error) {
        const known = isTempFileError(error)
        res.writeHead(known ? error.status : 500).end(known ? error.code : String(error))
      }
    })
  })

  afterEach(() => here.premises.leave(here.server))
  return here
}

function describeFiles({ files }: Form): Promise<object[]> {
  return Promise.all(
    files.map(async ({ fieldName, originalName, declaredType, detectedType, bytes, digest, name, path }) => ({
      ...{ fieldName, originalName, declaredType, detectedType, bytes, digest },
      suffix: /\.[^.]*$/.exec(name)?.[0] ?? '',
      content: bytes < 1000 ? await readFile(path, 'utf8') : undefined,
    })),
  )
}

function countListeners(emitter: NodeJS.EventEmitter): Record<string, number> {
  return Object.fromEntries(emitter.eventNames().map((name) => [String(name), emitter.listenerCount(name)]))
}

function difference(before: Record<string, number>, after: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(after).filter(([name, count]) => count !== (before[name] ?? 0)))
}
