// Every ending of every kind of source, before, while and after the file is opened: the whole file, or an error.

import { readFile } from 'node:fs/promises'
import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import type { TempFileManager } from '../../src/index.ts'
import { tempManager } from '../fixtures/temp-base.ts'
import {
  ENDINGS,
  generator,
  iterator,
  oldStream,
  opening,
  passThrough,
  request,
  type Subject,
  turn,
  web,
} from './subjects.ts'

const KINDS: [string, () => Subject][] = [
  ['a Node stream', passThrough],
  ['a request', request],
  ['an iterator', iterator],
  ['a stream of the old kind', oldStream],
  ['a web stream', web],
  ['an async generator', generator],
]
const CASES = KINDS.flatMap(([kind, make]) =>
  ENDINGS.filter(([ending]) => make()[ending] !== undefined).map(([ending, code]) => ({
    kind,
    make,
    ending,
    code: ending === 'close' ? (make().closed ?? code) : code,
  })),
)

describe.each(CASES)('$kind that ends by $ending', ({ kind, make, ending, code }) => {
  const check = async (manager: TempFileManager, receiving: Promise<{ path: string }>): Promise<void> => {
    if (code === undefined)
      return expect(await readFile((await receiving).path, 'utf8')).toBe('half and half')
    await expect(receiving).rejects.toMatchObject({ code })
    expect(manager.stats().bytes).toBe(0)
  }

  test(`${kind} that ends by ${ending} in the turn of the call is received whole or refused`, async () => {
    const subject = make()
    const manager = opening(() => {})
    const receiving = manager.receive(subject.source)
    receiving.catch(() => {})
    await null // an old stream has given its first bytes
    subject[ending]?.()
    await check(manager, receiving)
  })

  test(`${kind} that ends by ${ending} while the file is being opened is received whole or refused`, async () => {
    const subject = make()
    const manager = opening(async () => {
      await turn()
      subject[ending]?.()
      await turn()
    })
    await check(manager, manager.receive(subject.source))
  })

  test(`${kind} that ends by ${ending} after the file was opened is received whole or refused`, async () => {
    const subject = make()
    const manager = opening(() => {})
    let once = (): void => subject[ending]?.()
    const onProgress = (): void => {
      queueMicrotask(once)
      once = () => {}
    }
    await check(manager, manager.receive(subject.source, { onProgress }))
  })

  test(`${kind} that ends by ${ending} as an overwrite opens its file is received whole or refused`, async () => {
    let meanwhile = (): Promise<void> | void => {}
    const manager = opening(() => meanwhile())
    const file = await manager.fileAsync()
    const subject = make()
    meanwhile = async () => {
      await turn()
      subject[ending]?.()
    }
    await check(
      manager,
      file.write(subject.source).then(() => file),
    )
  })
})

test('a source that is refused for its options is destroyed', async () => {
  const source = new PassThrough()
  await expect(tempManager().receive(source, { maxBytes: -1 })).rejects.toMatchObject({
    code: 'ERR_TEMP_OPTION_INVALID',
  })
  expect(source.destroyed).toBe(true)
  expect(source.listenerCount('data')).toBe(0)
})
