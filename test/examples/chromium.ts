// A real Chromium for tests of pages, started once for a test file. Guarantee: the browser and its files are gone after it.

import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, describe } from 'vitest'

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) => existsSync(path))

/** Tests with a browser; skipped, with the reason in their name, where Chromium is not installed. */
export function describeInChromium(name: string, tests: (browser: () => Browser) => void): void {
  if (executablePath === undefined) {
    describe.skip(`${name} (skipped: Chromium is not installed)`, () => tests(() => notStarted(name)))
    return
  }
  describe(name, () => {
    let browser: Browser | undefined
    let scratch: string

    beforeAll(async () => {
      scratch = await mkdtemp(join(tmpdir(), 'tfm-test-'))
      browser = await chromium.launch({
        executablePath,
        env: { ...process.env, PULSE_RUNTIME_PATH: scratch }, // else its sound library leaves a directory behind
        args: [
          ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-dev-shm-usage'],
          ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
        ],
      })
    })

    afterAll(async () => {
      await browser?.close()
      await rm(scratch, { recursive: true, force: true })
    })

    tests(() => browser ?? notStarted(name))
  })
}

function notStarted(name: string): never {
  throw new Error(`Chromium does not run for ${name}`)
}
