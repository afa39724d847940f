import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import type { TempFileManager } from '../../src/index.ts'
import { failure } from '../fixtures/failures.ts'
import { EMPTY_SESSION } from '../fixtures/handoff-root.ts'
import { canFreeze, freeze } from '../fixtures/immutable.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

/** The entries of the session that are not the library's own. */
const left = (session = ''): string[] => readdirSync(session).filter((name) => !EMPTY_SESSION.includes(name))

describe('scopes', () => {
  test('a scope removes its own entries, on return and on throw, and nothing else', async () => {
    const manager = tempManager()
    const other = manager.file()
    const work = async (fail: boolean): Promise<void> => {
      await using scope = manager.scope()
      scope.file('.a')
      writeFileSync(scope.dir().join('x'), '')
      await scope.fileAsync()
      await scope.dirAsync()
      await scope.receive('text')
      const foreign = join(tempBase(), 'x')
      writeFileSync(foreign, '')
      await scope.adopt(foreign)
      expect(left(manager.sessionPath)).toHaveLength(7)
      if (fail) throw new Error('mine')
    }
    await work(false)
    await expect(work(true)).rejects.toThrow('mine')
    expect(left(manager.sessionPath)).toEqual([other.name])
    expect(manager.stats().entries).toBe(1)
  })

  test('a scope disposes in reverse order of creation, deferred functions included', async () => {
    const manager = tempManager()
    const order: string[] = []
    {
      await using scope = manager.scope()
      const first = scope.file()
      scope.defer(() => void order.push(`first is there: ${existsSync(first.path)}`))
      const second = scope.dir()
      scope.defer(async () => {
        await new Promise((resolve) => setImmediate(resolve))
        order.push(`second is there: ${existsSync(second.path)}`)
      })
      const third = scope.file()
      scope.defer(() => void order.push(`third is there: ${existsSync(third.path)}`))
      scope.file()
    }
    expect(order).toEqual(['third is there: true', 'second is there: true', 'first is there: true'])
  })

  test('a scope disposes each member before the members created earlier', async () => {
    const manager = tempManager()
    const scope = manager.scope()
    const first = scope.file()
    scope.defer(() => {
      expect(existsSync(second.path), 'the second exists').toBe(false)
      expect(existsSync(first.path), 'the first has not').toBe(true)
    })
    const second = scope.file()
    await scope[Symbol.asyncDispose]()
    expect.assertions(2)
  })

  test('a scope that ends continues when a deferred function fails, and throws its error at the end', async () => {
    const manager = tempManager()
    const one = manager.scope()
    const file = one.file()
    one.defer(() => {
      throw new Error('mine')
    })
    await expect(one[Symbol.asyncDispose]()).rejects.toThrow('mine')
    expect(existsSync(file.path)).toBe(false)

    const two = manager.scope()
    two.defer(() => Promise.reject(new Error('first')))
    two.defer(() => Promise.reject(new Error('second')))
    await expect(two[Symbol.asyncDispose]()).rejects.toMatchObject({
      name: 'AggregateError',
      errors: [{ message: 'second' }, { message: 'first' }],
    })
  })

  test('a scope may end twice and concurrently; its functions run once', async () => {
    const manager = tempManager()
    const scope = manager.scope()
    let runs = 0
    scope.defer(() => void runs++)
    await Promise.all([scope[Symbol.asyncDispose](), scope[Symbol.asyncDispose]()])
    await scope[Symbol.asyncDispose]()
    expect(runs).toBe(1)
  })

  test('a scope that ends aborts its signal first, and a receive in flight, of which nothing stays', async () => {
    const manager = tempManager()
    await (await manager.receive('the first')).remove() // what receiving needs is loaded
    const scope = manager.scope()
    const source = new Readable({ read() {} })
    source.push('some bytes')
    const receiving = failure('ERR_TEMP_ABORTED', () => scope.receive(source))
    const order: string[] = []
    scope.signal.addEventListener('abort', () => order.push('signal'))
    scope.defer(() => void order.push('deferred'))
    await scope[Symbol.asyncDispose]()
    await receiving
    expect(order).toEqual(['signal', 'deferred'])
    expect(scope.signal.reason).toMatchObject({ code: 'ERR_TEMP_CLOSED' })
    expect(source.destroyed).toBe(true)
    expect(left(manager.sessionPath)).toEqual([])
  })

  test('a scope that ends waits for an entry that is being created, and removes it', async () => {
    const manager = tempManager()
    const scope = manager.scope()
    const making = [scope.fileAsync(), scope.dirAsync()]
    await scope[Symbol.asyncDispose]()
    const made = await Promise.all(making)
    expect(made.map((entry) => entry.disposed)).toEqual([true, true])
    expect(left(manager.sessionPath)).toEqual([])
  })

  test('a scope creates nothing after its end', async () => {
    const manager = tempManager()
    const scope = manager.scope()
    await scope[Symbol.asyncDispose]()
    const source = Readable.from(['x'])
    for (const late of [
      () => scope.file(),
      () => scope.dir(),
      () => scope.fileAsync(),
      () => scope.dirAsync(),
      () => scope.receive(source),
      () => scope.adopt(tempBase()),
      () => scope.claim('0'.repeat(26)),
      () => scope.defer(() => {}),
    ])
      await failure('ERR_TEMP_CLOSED', late)
    expect(source.destroyed).toBe(true)
    expect(manager.sessionPath, 'nothing was made at all').toBeUndefined()
  })

  test.each<[string, string, (manager: TempFileManager) => Promise<void> | void]>([
    ['close()', 'ERR_TEMP_CLOSED', (manager) => manager.close()],
    ['closeSync()', 'ERR_TEMP_CLOSED', (manager) => manager.closeSync()],
    ['removeAll()', 'ERR_TEMP_ABORTED', (manager) => manager.removeAll()],
  ])('a scope aborts its signal on %s of its manager, whenever the signal is read', async (_, code, end) => {
    const manager = tempManager()
    const [early, late] = [manager.scope(), manager.scope()]
    const { signal } = early
    early.file()
    await end(manager)
    expect(signal).toMatchObject({ aborted: true, reason: { code } })
    expect(late.signal).toMatchObject({ aborted: true, reason: { code } })
  })

  test('a scope goes on after removeAll() of its manager, and removes what it creates then', async () => {
    const manager = tempManager()
    const scope = manager.scope()
    expect(scope.signal.aborted).toBe(false)
    await manager.removeAll()
    const received = await scope.receive('x')
    expect(manager.scope().signal.aborted).toBe(false)
    await scope.close()
    expect(existsSync(received.path)).toBe(false)
  })

  test('a scope ends, also when a deferred function closes it', async () => {
    const scope = tempManager().scope()
    const file = scope.file()
    scope.defer(() => scope.close())
    scope.defer(async () => await scope[Symbol.asyncDispose]())
    await scope.close()
    expect(existsSync(file.path)).toBe(false)
  })

  test('a scope cannot be opened by a closed manager', async () => {
    const manager = tempManager()
    await manager.close()
    await failure('ERR_TEMP_CLOSED', () => manager.scope())
  })

  test('a scope does not touch entries that were persisted, handed off or kept until close', async () => {
    const manager = tempManager()
    const target = join(tempBase(), 'x')
    const { kept, ticket } = await (async () => {
      await using scope = manager.scope()
      await scope.file().persist(target)
      const ticket = await scope.file().handOff({ durable: false })
      return { kept: scope.file().keepUntilClose(), ticket }
    })()
    expect(existsSync(target)).toBe(true)
    expect(existsSync(kept.path)).toBe(true)
    expect(existsSync(join(manager.root, 'handoffs', ticket))).toBe(true)
    await manager.discard(ticket)
  })

  test('a scope in which a thousand entries were removed removes the one that is left', async () => {
    const manager = tempManager()
    await using scope = manager.scope()
    for (let n = 0; n < 1000; n++) scope.file().removeSync()
    expect(manager.stats()).toMatchObject({ entries: 0, removed: 1000 })
    const last = scope.file()
    await scope[Symbol.asyncDispose]()
    expect(existsSync(last.path)).toBe(false)
  })

  test.skipIf(!canFreeze)(
    'a scope with a removal that fails removes the rest and reports by the policy',
    async () => {
      const manager = tempManager({ onCleanupError: 'throw' })
      const scope = manager.scope()
      const [first, second] = [scope.file(), scope.file()]
      freeze(second.path)
      await failure('ERR_TEMP_CLEANUP', () => scope[Symbol.asyncDispose]())
      expect([existsSync(first.path), existsSync(second.path)]).toEqual([false, true])
    },
  )
})

describe('withFile and withDir', () => {
  test('withFile() and withDir() pass an entry, return the result of the function, and remove the entry', async () => {
    const manager = tempManager()
    const [length, path] = await manager.withFile('.txt', async (file) => {
      await file.write('hello')
      return [await file.size(), file.path] as const
    })
    expect([length, existsSync(path)]).toEqual([5, false])
    expect(path).toMatch(/\.txt$/)
    const dir = await manager.withDir({ suffix: '.d' }, (made) => {
      mkdirSync(made.join('a'))
      return made
    })
    expect(dir.path).toMatch(/\.d$/)
    expect(existsSync(dir.path)).toBe(false)
    expect(await manager.withFile((file) => file.kind)).toBe('file')
    expect(await manager.withDir((made) => made.kind)).toBe('dir')
  })

  test('withFile() and withDir() remove the entry when the function fails, and throw its error', async () => {
    const manager = tempManager()
    let path = ''
    await expect(
      manager.withFile((file) => {
        path = file.path
        throw new Error('mine')
      }),
    ).rejects.toThrow('mine')
    expect(existsSync(path)).toBe(false)
    await expect(
      manager.withDir(async (dir) => {
        path = dir.path
        await once(process, 'nothing', { signal: AbortSignal.abort() })
      }),
    ).rejects.toMatchObject({ name: 'AbortError' })
    expect(existsSync(path)).toBe(false)
  })

  test('withFile() does not touch a persisted file', async () => {
    const manager = tempManager()
    const target = join(tempBase(), 'x')
    expect(await manager.withFile((file) => file.persist(target))).toBe(target)
    expect(existsSync(target)).toBe(true)
  })

  test('withFile() refuses bad options before anything is created', async () => {
    const manager = tempManager()
    await failure('ERR_TEMP_NAME_INVALID', () => manager.withFile('../x', () => 1))
    expect(manager.sessionPath).toBeUndefined()
  })
})

test('close() ends a scope for those without `using`, once', async () => {
  const scope = tempManager().scope()
  const file = scope.file()
  let deferred = 0
  scope.defer(() => {
    deferred++
  })
  await Promise.all([scope.close(), scope.close()])
  expect([existsSync(file.path), deferred]).toEqual([false, 1])
  expect(() => scope.file()).toThrow(expect.objectContaining({ code: 'ERR_TEMP_CLOSED' }))
})

test('a scope is closed already while its signal aborts', async () => {
  const scope = tempManager().scope()
  let late: unknown
  let nested: Promise<void> | undefined
  scope.signal.addEventListener('abort', () => {
    try {
      late = scope.file()
    } catch (error) {
      late = error
    }
    nested = scope.close()
  })
  const closed = scope.close()
  expect(nested, 'one end').toBe(closed)
  await closed
  expect(late).toMatchObject({ code: 'ERR_TEMP_CLOSED' })
})
