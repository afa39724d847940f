import type { Response } from 'express'
import { describe, expect, test } from 'vitest'
import { tempScope, tempUpload } from '../../src/express/index.ts'
import type { TempFileError, TempFileManager } from '../../src/index.ts'
import { tempManager } from '../fixtures/temp-base.ts'
import { file, multipart, post } from '../http/clients.ts'
import { expressServer } from './express-server.ts'

const here = expressServer()
const body = multipart([file('f', 'a.txt', 'x'.repeat(100))])

async function uploaded(middleware: ReturnType<typeof tempUpload>): Promise<number> {
  const { app, premises, server } = here
  app.post('/upload', tempScope(premises.manager), middleware, (req, res) => {
    res.json({ paths: req.upload.files.map(({ path }) => path) })
  })
  app.use(
    (error: TempFileError, _req: unknown, res: Response, _next: unknown) =>
      void res.status(error.status).end(),
  )
  return (await post(`${server.url}/upload`, body)).status
}

describe('tempUpload after tempScope', () => {
  test('tempUpload with a manager of its own keeps the limits of that manager after tempScope', async () => {
    const small: TempFileManager = tempManager({ limits: { fileBytes: 3 } })
    expect(await uploaded(tempUpload(small))).toBe(413)
    expect(await small.usage()).toMatchObject({ files: 0 })
    await small.close()
  })

  test('tempUpload without a manager receives into the scope that the request has', async () => {
    const { manager } = here.premises
    const before = manager.stats().filesCreated
    expect(await uploaded(tempUpload())).toBe(200)
    expect(manager.stats().filesCreated).toBe(before + 1)
  })
})
