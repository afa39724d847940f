// A Fastify server for one test, with a manager for the plugin and a form to send. Guarantee: when it ends nothing is
// left while the server still runs, and no descriptor is open once it is closed.

import { readFileSync } from 'node:fs'
import Fastify, { type FastifyInstance } from 'fastify'
import { field, file, multipart, post } from '../http/clients.ts'
import { media, Premises } from '../http/premises.ts'

export const clip = readFileSync(media('clip.avi'))
export const form = multipart([field('a', '1'), file('f', 'clip.avi', clip)])

export class UploadApp {
  readonly premises = new Premises()
  readonly manager = this.premises.manager
  readonly app: FastifyInstance = Fastify({ forceCloseConnections: true })

  /** Listens on the loopback; returns the URL. */
  listening(): Promise<string> {
    return this.app.listen({ port: 0, host: '127.0.0.1' })
  }

  end(): Promise<void> {
    return this.premises.leave(this.app)
  }
}

/** A route that answers with the names of the files it received. */
export function addRoute(instance: FastifyInstance, path = '/'): void {
  instance.post(path, async (request) => ({
    names: (await request.receiveForm()).files.map((one) => one.originalName),
  }))
}

/** Sends the form. */
export async function upload(
  url: string,
): Promise<{ status: number; body: { message?: string; code?: string; names?: string[] } }> {
  const response = await post(url, form)
  return { status: response.status, body: (await response.json()) as { message?: string } } // all are optional
}
