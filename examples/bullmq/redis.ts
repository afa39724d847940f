// The Redis server of the example: the one REDIS_URL names, else Debian's redis-server on a free loopback port
// with a data directory that ends with this program. Guarantee: a server we started is one we stop.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import type { TempFileManager } from 'temp-file-manager'

export interface RedisServer extends AsyncDisposable {
  readonly url: string
  /** 'REDIS_URL' or the version that was started. */
  readonly origin: string
}

/** @throws when there is no REDIS_URL and redis-server cannot be started */
export async function startRedis(manager: TempFileManager): Promise<RedisServer> {
  const given = process.env['REDIS_URL']
  if (given) return { url: given, origin: 'REDIS_URL', [Symbol.asyncDispose]: async () => undefined }
  // Between our asking for a free port and redis-server's taking it, another program may: then ask again.
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await launch(manager, await freePort())
    } catch (error) {
      if (attempt === 5) throw error
    }
  }
}

async function launch(manager: TempFileManager, port: number): Promise<RedisServer> {
  const data = manager.dir('.redis')
  const child = spawn(
    'redis-server',
    [
      ...['--port', String(port), '--bind', '127.0.0.1', '--dir', data.path],
      ...['--save', '', '--appendonly', 'no', '--maxmemory-policy', 'noeviction'],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  try {
    const version = await ready(child)
    return {
      url: `redis://127.0.0.1:${port}`,
      origin: `redis-server ${version} on port ${port}`,
      [Symbol.asyncDispose]: async () => {
        if (child.exitCode === null && child.signalCode === null) {
          child.kill('SIGTERM')
          await once(child, 'exit')
        }
        await data.remove()
      },
    }
  } catch (error) {
    child.kill('SIGKILL')
    await data.remove()
    throw error
  }
}

/** Reads redis-server's log until it is ready; the log also has its version. */
async function ready(child: ChildProcess): Promise<string> {
  const failed = once(child, 'error').then(([error]) => {
    throw new Error(
      'redis-server cannot be started. Install it (apt-get install redis-server) or set REDIS_URL.',
      { cause: error },
    )
  })
  const read = async () => {
    if (child.stdout === null) throw new Error('redis-server was started without its log.')
    let version = ''
    for await (const line of createInterface(child.stdout)) {
      version = /Redis version=([\d.]+)/.exec(line)?.[1] ?? version
      if (line.includes('Ready to accept connections')) return version
    }
    throw new Error('redis-server ended before it was ready.')
  }
  const version = await Promise.race([read(), failed])
  // Nobody reads on; a full pipe would stop it.
  child.stdout?.resume()
  return version
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('The system gave no port.')
  return address.port
}
