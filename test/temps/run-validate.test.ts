import { appendFileSync, readdirSync, renameSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { FileRules, TempFileManager } from '../../src/index.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

/** Rules whose `validate` never answers, as a virus scanner that is down; `asked` settles when it was called. */
function unanswered(): { readonly accept: FileRules; readonly asked: Promise<void> } {
  const { promise: asked, resolve } = deferred()
  const validate = (): Promise<void> => {
    resolve()
    return new Promise(() => {})
  }
  return { accept: { validate }, asked }
}

function deferred(): { promise: Promise<void>; resolve(): void; reject(error: Error): void } {
  let settle: { resolve(): void; reject(error: Error): void } | undefined
  const promise = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject }
  })
  return { promise, resolve: () => settle?.resolve(), reject: (error) => settle?.reject(error) }
}

type Validating = (manager: TempFileManager, accept: FileRules) => Promise<unknown>

const existing = (): string => {
  const path = join(tempBase(), 'existing.txt')
  writeFileSync(path, 'content')
  return path
}

const OPERATIONS: readonly (readonly [string, Validating])[] = [
  ['receive()', (manager, accept) => manager.receive('content', { accept })],
  ['scope.receive()', (manager, accept) => manager.scope().receive('content', { accept })],
  ['write()', (manager, accept) => manager.file().write('content', { accept })],
  ['checkFile()', (manager, accept) => manager.checkFile(existing(), accept)],
  ['adopt()', (manager, accept) => manager.adopt(existing(), { accept })],
  [
    'finish() of an upload',
    async (manager, accept) => {
      const upload = await manager.createUpload({ length: 7 })
      await upload.append('content')
      return await upload.finish({ accept })
    },
  ],
]

describe.each(OPERATIONS)('validate in %s', (name, begin) => {
  test.each(['close', 'removeAll'] as const)(
    'a validate that never answers does not hold up %s()',
    async (end) => {
      const manager = tempManager()
      const { accept, asked } = unanswered()
      const work = begin(manager, accept)
      const refused = expect(work).rejects.toMatchObject({ code: 'ERR_TEMP_ABORTED' })
      await asked
      await manager[end]()
      await refused
      expect(readdirSync(join(manager.root, 'sessions'))).toEqual([])
      if (name.includes('upload')) expect(readdirSync(join(manager.root, 'uploads'))).toHaveLength(1) // to be finished later
      await manager.close()
    },
  )

  test('a validate may wait for close() of its manager', async () => {
    const manager = tempManager()
    const accept = { validate: () => manager.close() }
    await expect(begin(manager, accept)).rejects.toMatchObject({ code: 'ERR_TEMP_ABORTED' })
    await manager.close()
  })
})

describe.each([
  ['receive()', (manager: TempFileManager, options: object) => manager.receive('content', options)],
  ['write()', (manager: TempFileManager, options: object) => manager.file().write('content', options)],
])('the signal of %s', (_name, begin) => {
  test.each([
    [
      'abort()',
      'ERR_TEMP_ABORTED',
      () => {
        const controller = new AbortController()
        return { signal: controller.signal, abort: () => controller.abort() }
      },
    ],
    [
      'AbortSignal.timeout()',
      'ERR_TEMP_TIMEOUT',
      () => ({ signal: AbortSignal.timeout(1), abort: () => {} }),
    ],
  ])('a signal that fires by %s ends the wait for validate', async (_how, code, make) => {
    const manager = tempManager()
    const { accept, asked } = unanswered()
    const { signal, abort } = make()
    const refused = expect(begin(manager, { accept, signal })).rejects.toMatchObject({ code })
    // A time limit may be over before validate was asked: then it ends the transfer.
    await Promise.race([asked, refused])
    abort()
    await refused
    await manager.close()
  })
})

test('the end of a scope does not wait for a validate that never answers, and leaves no file', async () => {
  const manager = tempManager()
  const scope = manager.scope()
  const { accept, asked } = unanswered()
  const refused = expect(scope.receive('content', { accept })).rejects.toMatchObject({
    code: 'ERR_TEMP_ABORTED',
  })
  await asked
  await scope.close()
  await refused
  expect(manager.stats()).toMatchObject({ entries: 0 })
  await manager.close()
})

test('an error that validate throws after the abort is ignored', async () => {
  const unhandled: unknown[] = []
  const note = (error: unknown): void => void unhandled.push(error)
  process.on('unhandledRejection', note)
  onTestFinished(() => void process.off('unhandledRejection', note))
  const manager = tempManager()
  const { promise, reject } = deferred()
  const { promise: asked, resolve } = deferred()
  const validate = (): Promise<void> => {
    resolve()
    return promise
  }
  const refused = expect(manager.receive('content', { accept: { validate } })).rejects.toMatchObject({
    code: 'ERR_TEMP_ABORTED',
  })
  await asked
  await manager.close()
  await refused
  reject(new Error('the scanner gave up'))
  await setImmediate()
  expect(unhandled).toEqual([])
})

describe.each(OPERATIONS.filter(([name]) => !/checkFile|adopt/.test(name)))('validate in %s', (_, begin) => {
  test.each<[string, (path: string) => void]>([
    ['appends to', (path) => appendFileSync(path, ' and more')],
    ['truncates', (path) => truncateSync(path, 3)],
    [
      'replaces',
      (path) => {
        const other = join(tempBase(), 'other')
        writeFileSync(other, 'another content')
        renameSync(other, path)
      },
    ],
  ])(
    'a validate that %s the file is ERR_TEMP_IO: size, digest and type would be of other bytes',
    async (__, change) => {
      const manager = tempManager()
      const accept: FileRules = { validate: ({ path }) => change(path) }
      await expect(begin(manager, accept)).rejects.toMatchObject({ code: 'ERR_TEMP_IO' })
      expect(await manager.handoffs()).toEqual([])
      expect(manager.stats().bytes).toBe(0)
    },
  )
})

test('a file that a scanner takes away without an error is not received', async () => {
  const validate = ({ path }: { readonly path: string }): void =>
    renameSync(path, join(tempBase(), 'quarantine'))
  await expect(tempManager().receive('virus', { accept: { validate } })).rejects.toMatchObject({
    code: 'ERR_TEMP_REMOVED',
  })
})

describe.each(OPERATIONS)('validate in %s', (name, begin) => {
  test('a file that validate removes instead of throwing is refused', async () => {
    const manager = tempManager()
    const accept: FileRules = { validate: (file) => file.remove() }
    const code = name === 'write()' ? 'ERR_TEMP_ABORTED' : 'ERR_TEMP_REMOVED' // the end of a file ends its write
    await expect(begin(manager, accept)).rejects.toMatchObject({ code })
    expect(await manager.handoffs()).toEqual([])
    expect(await manager.uploads()).toEqual([])
  })
})
