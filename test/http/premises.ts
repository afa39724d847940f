// A manager in a directory of its own, and the questions a test asks afterwards: is anything left on the disk,
// is a file of it still open, did Node warn of listeners that pile up.

import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readlinkSync, realpathSync, rmSync } from 'node:fs'
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, vi } from 'vitest'
import { isTempFileError, TempFileManager, type TempFileManagerOptions } from '../../src/index.ts'

/** A fixture's path. */
export function media(name: string): string {
  return fileURLToPath(new URL(`../fixtures/media/${name}`, import.meta.url))
}

const OWN = new Set(['owner.json', 'lease', 'lease-2', 'claims'])

export class Premises {
  readonly directory: string
  readonly manager: TempFileManager
  readonly warnings: string[] = []
  readonly #descriptors: number
  readonly #unmount: boolean
  readonly #onWarning = (warning: Error): void =>
    void this.warnings.push(`${warning.name}: ${warning.message}`)

  /** `tmpfs`: a file system of its own, of that size, which needs root. */
  constructor(options: TempFileManagerOptions = {}, tmpfs?: string) {
    this.directory = realpathSync(mkdtempSync(join(tmpdir(), 'tfm-http-')))
    this.#unmount = tmpfs !== undefined
    if (tmpfs !== undefined)
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${tmpfs}`, 'tmpfs', this.directory])
    this.manager = new TempFileManager({ baseDir: this.directory, ...options })
    this.manager.file().removeSync() // makes the session; its leases are bound later and counted by themselves
    this.#descriptors = descriptors().length
    process.on('warning', this.#onWarning)
  }

  /** The user's entries in the session. */
  left(): string[] {
    const session = this.manager.sessionPath
    return session === undefined ? [] : readdirSync(session).filter((name) => !OWN.has(name))
  }

  /** How many leases the session has now: each is a descriptor. */
  #leases(): number {
    const session = this.manager.sessionPath
    return session === undefined ? 0 : readdirSync(session).filter((name) => name.startsWith('lease')).length
  }

  /** Waits until nothing is left: no entry, no open file, no further descriptor, no warning. */
  async expectNothingLeft(): Promise<void> {
    await vi.waitFor(
      () => {
        expect(this.left()).toEqual([])
        expect(descriptors().filter((target) => target.startsWith(this.directory))).toEqual([])
      },
      { timeout: 10_000, interval: 10 },
    )
    expect(this.warnings).toEqual([])
  }

  /** As above, with every connection closed: then no descriptor may be left. */
  async expectNothingOpen(): Promise<void> {
    await this.expectNothingLeft()
    await vi.waitFor(
      () => expect(descriptors().length - this.#leases()).toBeLessThanOrEqual(this.#descriptors),
      { timeout: 10_000, interval: 10 },
    )
  }

  /** The end of a test: nothing is left while its server runs, and nothing is open once that is closed. */
  async leave(server: { close(): PromiseLike<unknown> }): Promise<void> {
    await this.expectNothingLeft()
    await server.close()
    await this.expectNothingOpen()
    await this.close()
  }

  async close(): Promise<void> {
    process.removeListener('warning', this.#onWarning)
    await this.manager.close()
    if (this.#unmount) execFileSync('umount', ['-l', this.directory])
    rmSync(this.directory, { recursive: true, force: true })
  }
}

/** The targets of this process's descriptors. */
function descriptors(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)]
    } catch {
      return [] // the one that readdir used
    }
  })
}

export interface Served {
  readonly url: string
  readonly port: number
  readonly server: Server
  close(): Promise<void>
}

/** Listens on the loopback. */
export async function listen(server: Server): Promise<Served> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return served(server)
}

/** A server that listens already. */
export function served(server: Server): Served {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a port was asked for')
  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    server,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** A server of node:http with this handler. */
export function serve(handler: RequestListener): Promise<Served> {
  return listen(createServer(handler))
}

/** Answers why a request failed: the library's errors by status and code, another error by its text. */
export function tellWhy(res: ServerResponse, error: unknown): void {
  const known = isTempFileError(error)
  res.writeHead(known ? error.status : 500).end(known ? error.code : String(error))
}
