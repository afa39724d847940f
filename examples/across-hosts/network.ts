// Hosts on one machine: each has a network, a mount, a host name and a pid namespace of its own, and a root of its own on
// a tmpfs. One bridge joins them. Guarantee: what was made is removed by close(), also after a failure half-way.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Linux limits an interface's name to 15 characters. */
const ID = `tfm${process.pid}`
const checkout = fileURLToPath(new URL('../../', import.meta.url))

export interface Host {
  readonly name: string
  readonly address: string
  /** Starts a module of this folder on the host; resolves with its first message. */
  start(module: string, env: NodeJS.ProcessEnv): Promise<{ process: ChildProcess; message: unknown }>
  /** Takes the host's cable out, or puts it back in. */
  cut(out: boolean): void
}

export interface Network {
  /** The address of this machine on the bridge: Ceph and Redis listen there. */
  readonly address: string
  host(name: string): Host
  close(): Promise<void>
}

export function openNetwork(): Network {
  const subnet = `10.${60 + (process.pid % 100)}.${(process.pid >> 7) % 250}`
  const undo: (() => void)[] = []
  const processes = new Set<ChildProcess>()
  // Each host mounts a tmpfs of its own over this directory; /tmp itself may hold the checkout.
  const root = mkdtempSync(join(tmpdir(), 'tfm-host-'))
  undo.push(() => rmdirSync(root))
  const ip = (...args: string[]): void =>
    void execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  ip('link', 'add', ID, 'type', 'bridge')
  undo.push(() => ip('link', 'delete', ID))
  ip('address', 'add', `${subnet}.1/24`, 'dev', ID)
  ip('link', 'set', ID, 'up')
  let count = 1
  return {
    address: `${subnet}.1`,
    host(name) {
      count += 1
      const [space, outer, address] = [`${ID}-${name}`, `${ID}v${count}`, `${subnet}.${count}`]
      ip('netns', 'add', space)
      undo.push(() => ip('netns', 'delete', space))
      ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', space)
      undo.push(() => ip('link', 'delete', outer))
      ip('link', 'set', outer, 'master', ID, 'up')
      ip('-netns', space, 'address', 'add', `${address}/24`, 'dev', 'eth0')
      ip('-netns', space, 'link', 'set', 'eth0', 'up')
      ip('-netns', space, 'link', 'set', 'lo', 'up')
      return {
        name,
        address,
        cut: (out) => ip('link', 'set', outer, out ? 'down' : 'up'),
        start: (module, env) => startOn({ space, name, root }, module, env, processes),
      }
    },
    async close() {
      await Promise.all([...processes].map((child) => end(child, 'SIGKILL')))
      for (const step of undo.reverse()) step()
    },
  }
}

/** The program is pid 1 of its host, and dies with the `unshare` that started it. */
async function startOn(
  { space, name, root }: { space: string; name: string; root: string },
  module: string,
  env: NodeJS.ProcessEnv,
  processes: Set<ChildProcess>,
): Promise<{ process: ChildProcess; message: unknown }> {
  const script = `hostname ${name} && mount -t tmpfs tmpfs '${root}' && exec "$@"`
  const child = spawn(
    'ip',
    [
      ...['netns', 'exec', space],
      ...[
        'unshare',
        '--mount',
        '--uts',
        '--pid',
        '--fork',
        '--kill-child',
        '--mount-proc',
        'sh',
        '-c',
        script,
        'sh',
      ],
      ...[process.execPath, '--import', 'tsx', fileURLToPath(new URL(`${module}.ts`, import.meta.url))],
    ],
    {
      cwd: checkout,
      env: { ...process.env, ...env, TMPDIR: root, NODE_NO_WARNINGS: '1' },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    },
  )
  processes.add(child)
  child.once('exit', () => processes.delete(child))
  const [message] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() =>
      Promise.reject(new Error(`The program ${module} did not start on ${name}.`)),
    ),
  ])
  return { process: child, message }
}

export async function end(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill(signal)
  await once(child, 'exit')
}
