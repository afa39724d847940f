// The commands that a random sequence is made of: each runs a real operation, and updates the model to its
// expected result. Guarantee: every refusal has the code that is documented.

import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect } from 'vitest'
import type { TempFileErrorCode } from '../../src/errors.ts'
import { isTempFileError } from '../../src/index.ts'
import {
  at,
  check,
  giveBack,
  MANAGERS,
  type Model,
  newManager,
  pick,
  type Real,
  take,
  takeClaim,
} from './model.ts'

type Command = fc.AsyncCommand<Model, Real>

function command(
  name: string,
  run: (model: Model, real: Real) => Promise<void>,
  ready: (model: Model) => boolean = () => true,
): Command {
  return {
    check: ready,
    async run(model, real) {
      await run(model, real)
      await check(model, real)
    },
    toString: () => name,
  }
}

async function refuses(code: TempFileErrorCode, act: Promise<unknown>): Promise<void> {
  const error: unknown = await act.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(isTempFileError(error) && error.code).toBe(code)
}

const number = fc.nat({ max: 5 })
const hasEntries = (model: Model): boolean => model.entries.length > 0
const hasClaims = (model: Model): boolean => model.claims.length > 0

const by = fc.nat({ max: MANAGERS - 1 })
const content = fc.string({ maxLength: 40 })

export const commands: fc.Arbitrary<Command>[] = [
  fc
    .tuple(by, content, fc.constantFrom('file', 'dir', 'fileAsync', 'receive', 'named'))
    .map(([n, text, how]) =>
      command(`${n}: ${how}(${JSON.stringify(text)})`, async (model, real) => {
        const manager = at(real, n)
        const handle =
          how === 'dir'
            ? manager.dir('.d')
            : how === 'named'
              ? manager.file({ name: 'report.txt' })
              : how === 'receive'
                ? await manager.receive(text)
                : how === 'fileAsync'
                  ? await manager.fileAsync()
                  : manager.file('.txt')
        if (how !== 'receive')
          writeFileSync(handle.kind === 'dir' ? join(handle.path, 'inside') : handle.path, text)
        model.entries.push({ by: n, handle, content: text, kept: false })
      }),
    ),
  fc.tuple(number, fc.boolean()).map(([n, sync]) =>
    command(
      `remove${sync ? 'Sync' : ''} entry ${n}`,
      async (model) => {
        const { handle } = take(model, n)
        if (sync) handle.removeSync()
        else await handle.remove()
        await handle.remove() // again is fine
        expect(existsSync(handle.path)).toBe(false)
      },
      hasEntries,
    ),
  ),
  fc.tuple(number, fc.boolean()).map(([n, sync]) =>
    command(
      `leave the scope of entry ${n}`,
      async (model) => {
        const entry = pick(model.entries, n)
        if (sync) entry.handle[Symbol.dispose]()
        else await entry.handle[Symbol.asyncDispose]()
        if (!entry.kept) model.entries = model.entries.filter((other) => other !== entry)
        expect(existsSync(entry.handle.path)).toBe(entry.kept)
      },
      hasEntries,
    ),
  ),
  number.map((n) =>
    command(
      `keep entry ${n}`,
      async (model) => {
        const entry = pick(model.entries, n)
        entry.handle.keepUntilClose()
        entry.kept = true
      },
      hasEntries,
    ),
  ),
  number.map((n) =>
    command(
      `persist entry ${n}`,
      async (model, real) => {
        const entry = take(model, n)
        const path = join(real.base, `kept-${model.persisted.size}`)
        await entry.handle.persist(path, { durable: false, overwrite: false })
        model.persisted.set(path, entry.content)
        await refuses('ERR_TEMP_REMOVED', entry.handle.persist(path))
      },
      hasEntries,
    ),
  ),
  number.map((n) =>
    command(
      `handOff entry ${n}`,
      async (model) => {
        const entry = take(model, n)
        const ticket = await entry.handle.handOff({ durable: false })
        model.handoffs.set(ticket, { content: entry.content, attempts: 0, claimant: undefined })
        await refuses('ERR_TEMP_REMOVED', entry.handle.handOff())
      },
      hasEntries,
    ),
  ),
  fc.tuple(by, number).map(([n, which]) =>
    command(
      `${n}: claim handoff ${which}`,
      async (model, real) => {
        const [ticket, handoff] = pick([...model.handoffs], which)
        if (handoff.claimant !== undefined) {
          await refuses('ERR_TEMP_HANDOFF_CLAIMED', at(real, n).claim(ticket))
          return
        }
        const handle = await at(real, n).claim(ticket)
        handoff.attempts++
        handoff.claimant = n
        model.claims.push({ by: n, ticket, handle })
        expect(handle.attempt).toBe(handoff.attempts)
      },
      (model) => model.handoffs.size > 0,
    ),
  ),
  fc.tuple(number, fc.constantFrom('complete', 'remove', 'persist', 'handOff')).map(([n, how]) =>
    command(
      `${how} claim ${n}`,
      async (model, real) => {
        const { ticket, handle } = takeClaim(model, n)
        const text = model.handoffs.get(ticket)?.content ?? ''
        model.handoffs.delete(ticket)
        model.gone.push(ticket)
        if (how === 'complete') await handle.complete()
        else if (how === 'remove') await handle.remove()
        else if (how === 'persist') {
          const path = join(real.base, `kept-${model.persisted.size}`)
          await handle.persist(path, { durable: false })
          model.persisted.set(path, text)
        } else
          model.handoffs.set(await handle.handOff({ durable: false }), {
            content: text,
            attempts: 0,
            claimant: undefined,
          })
      },
      hasClaims,
    ),
  ),
  fc.tuple(number, fc.boolean()).map(([n, scope]) =>
    command(
      `${scope ? 'leave the scope of' : 'release'} claim ${n}`,
      async (model) => {
        const { ticket, handle } = takeClaim(model, n)
        if (scope) await handle[Symbol.asyncDispose]()
        else await handle.release()
        giveBack(model, ticket)
      },
      hasClaims,
    ),
  ),
  by.map((n) =>
    command(`${n}: sweep`, async (_, real) => {
      const report = await at(real, n).sweep()
      expect(report.errors).toEqual([])
      expect(report.handoffsExpired).toEqual([])
    }),
  ),
  fc.tuple(by, fc.boolean()).map(([n, sync]) =>
    command(`${n}: close${sync ? 'Sync' : ''}, and a new one`, async (model, real) => {
      const manager = at(real, n)
      if (sync) manager.closeSync()
      else await manager.close()
      for (const { ticket } of model.claims.filter((claim) => claim.by === n)) giveBack(model, ticket)
      const ended = model.entries.filter((entry) => entry.by === n)
      model.entries = model.entries.filter((entry) => entry.by !== n)
      model.claims = model.claims.filter((claim) => claim.by !== n)
      for (const { handle } of ended) expect(existsSync(handle.path)).toBe(false)
      real.managers[n] = newManager(real.base)
    }),
  ),
  by.map((n) =>
    command(`${n}: other code removes its session`, async (model, real) => {
      const session = at(real, n).sessionPath
      // Only without claims: what was claimed is lost with it, and the model would have to forget it too.
      if (session === undefined || model.claims.some((claim) => claim.by === n)) return
      rmSync(session, { recursive: true })
      for (const { handle } of model.entries.filter((entry) => entry.by === n)) await handle.remove()
      model.entries = model.entries.filter((entry) => entry.by !== n)
      at(real, n).file().removeSync() // begins a new one
    }),
  ),
  fc.tuple(by, number).map(([n, which]) =>
    command(
      `${n}: claim what is gone (${which})`,
      async (model, real) => {
        await refuses('ERR_TEMP_HANDOFF_GONE', at(real, n).claim(pick(model.gone, which)))
      },
      (model) => model.gone.length > 0,
    ),
  ),
]
