// An Express application on a port of its own, set up again for each test of the file that calls it. Guarantee: each test
// ends with no file, no descriptor and no connection left.

import { createServer } from 'node:http'
import express, { type Express } from 'express'
import { afterEach, beforeEach } from 'vitest'
import { listen, Premises, type Served } from '../http/premises.ts'

export interface ExpressServer {
  premises: Premises
  app: Express
  server: Served
}

export function expressServer(): ExpressServer {
  const here = {} as ExpressServer // filled in before each test
  beforeEach(async () => {
    here.premises = new Premises()
    here.app = express()
    here.server = await listen(createServer(here.app))
  })
  afterEach(() => here.premises.leave(here.server))
  return here
}
