// A file to receive into, and the promises that every failed receive keeps, checked in one place.

import { getEventListeners } from 'node:events'
import fs, { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { expect } from 'vitest'
import type { FileSystem } from '../../src/disk/file-system.ts'
import { isTempFileError, type TempFileErrorCode } from '../../src/errors.ts'
import { Quota, type QuotaLimits } from '../../src/quota.ts'
import { largeBlocksLent } from '../../src/streams/blocks.ts'
import { fill } from '../../src/streams/fill.ts'
import { openIntake } from '../../src/streams/intake.ts'
import { checkReceiveOptions } from '../../src/streams/receive-options.ts'
import type { ByteSource, ReceiveOptions, WriteResult } from '../../src/types.ts'

export interface Surroundings {
  readonly limits?: QuotaLimits
  readonly fs?: Partial<FileSystem>
  readonly position?: number
  readonly directory?: string
}

export interface Received {
  readonly result: WriteResult
  readonly content: Buffer
  readonly quota: Quota
}

/** Receives a source into a file of its own, and reads back what came. */
export async function receive(
  source: ByteSource,
  options?: ReceiveOptions,
  around: Surroundings = {},
): Promise<Received> {
  const keep = options?.keepSource === true
  const intake = openIntake(source, keep)
  const directory = around.directory ?? mkdtempSync(join(tmpdir(), 'streams-test-'))
  const path = join(directory, `received-${process.pid}`)
  const fd = openSync(path, 'w+')
  let running = 0
  const disk: FileSystem = {
    ...fs,
    ...around.fs,
    write(...args) {
      running++
      const callback = args[5]
      args[5] = (error, count) => {
        running--
        callback(error, count)
      }
      const write = around.fs?.write ?? fs.write
      write(...args)
    },
  }
  const quota = new Quota(around.limits ?? {}, disk)
  const target = { fs: disk, fd, directory, quota, position: around.position }
  try {
    const result = await fill(target, intake, checkReceiveOptions(options))
    expect(quota.bytes, 'reserved after success').toBe(result.bytes)
    return { result, content: readFileSync(path), quota }
  } catch (error) {
    intake.stop(error, keep)
    expect(quota.bytes, 'reserved after failure').toBe(0)
    throw error
  } finally {
    expect(running, 'writes still running when the promise settled').toBe(0)
    expect(largeBlocksLent(), 'blocks not given back').toBe(0)
    if (options?.signal) expect(getEventListeners(options.signal, 'abort'), 'abort listeners').toHaveLength(0)
    expect(fstatSync(fd).isFile(), 'the descriptor is still open').toBe(true)
    closeSync(fd)
    if (around.directory === undefined) rmSync(directory, { recursive: true })
    else rmSync(path)
  }
}

/** Receives what must fail, and returns its typed error. */
export async function receiveFails(
  code: TempFileErrorCode,
  source: ByteSource,
  options?: ReceiveOptions,
  around?: Surroundings,
): Promise<Error> {
  let error: unknown
  try {
    await receive(source, options, around)
  } catch (caught) {
    error = caught
  }
  if (error === undefined) throw new Error(`The receive succeeded; it should have failed with ${code}.`)
  if (!isTempFileError(error)) throw error
  expect(error.code).toBe(code)
  expect(error.message).not.toContain(tmpdir())
  return error
}

/** The number of listeners of a stream, by event. */
export function listeners(readable: Readable): Record<string, number> {
  return Object.fromEntries(
    ['data', 'end', 'error', 'close', 'readable', 'pause', 'resume'].map((name) => [
      name,
      readable.listenerCount(name),
    ]),
  )
}
