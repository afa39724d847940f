// A stranger's first five minutes: the README's quick start, copied. Guarantee: the commands and the block are
// taken from README.md itself, so that code works.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

export async function checkQuickStart({ root, place, run, step }, tarball, versions) {
  await step(
    "the README's quick start, copied, on Node 20",
    async () => {
      const readme = readFileSync(join(root, 'README.md'), 'utf8')
      const section = readme.slice(readme.indexOf('## Quick start'), readme.indexOf('## Four lifetimes'))
      const install = /npm install (.+)$/m.exec(section)?.[1]
      const code = /```ts[^\n]*\n([\s\S]*?)```/.exec(section)?.[1]
      assert.ok(install !== undefined && code !== undefined, 'README.md has no quick start')
      const folder = join(place, 'try-it')
      mkdirSync(folder)
      await run('npm', ['init', '-y'], folder)
      const wanted = install.split(' ').map((name) => (name === 'temp-file-manager' ? tarball.path : name))
      await run('npm', ['install', '--prefer-offline', '--no-fund', '--no-audit', ...wanted], folder)
      writeFileSync(join(folder, 'server.mts'), code)

      const base = join(place, 'try-it-tmp')
      mkdirSync(base, { mode: 0o700 })
      const port = await freePort()
      const env = { ...process.env, PORT: String(port), TEMP_FILE_MANAGER_DIR: base, NODE_OPTIONS: '' }
      const server = spawn(versions[20], ['--import', 'tsx', 'server.mts'], {
        cwd: folder,
        env,
        stdio: 'inherit',
      })
      try {
        const image = await upload(port, Buffer.from('ffd8ffe000104a46494600010100000100010000ffd9', 'hex'))
        assert.equal(image.status, 200)
        assert.match(await image.text(), /^me\.jpg: 22 bytes, image\/jpeg, at /)
        const text = await upload(port, Buffer.from('no picture'))
        assert.equal(text.status, 415)
        const cli = join(folder, 'node_modules', '.bin', 'temp-file-manager')
        const { stdout } = await run(cli, ['ls', '--name', 'my-service', '--json'], folder, {
          TEMP_FILE_MANAGER_DIR: base,
        })
        const { sessions } = JSON.parse(stdout)
        assert.deepEqual(
          sessions.map((session) => session.verdict),
          ['alive'],
        )
      } finally {
        if (server.exitCode === null) {
          server.kill('SIGTERM')
          await once(server, 'exit')
        }
      }
      return install
    },
    { fatal: false },
  )
}

/** Asks until the server is up: its start is what we wait for. */
async function upload(port, bytes) {
  for (let attempt = 0; ; attempt++) {
    const body = new FormData()
    body.set('photo', new Blob([bytes]), 'me.jpg')
    try {
      return await fetch(`http://127.0.0.1:${port}`, { method: 'POST', body })
    } catch (error) {
      if (attempt === 300) throw error
      await wait(100)
    }
  }
}

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address()
  probe.close()
  await once(probe, 'close')
  return port
}
