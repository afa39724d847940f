// A file's declaration, and the refusal of it before the first byte.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkReceiveOptions } from '../../src/streams/receive-options.ts'
import type { FileRules, ReceiveOptions } from '../../src/types.ts'

export const media = (name: string): Buffer =>
  readFileSync(join(import.meta.dirname, '../fixtures/media', name))

export function declare(accept: FileRules, name: string | undefined, type?: string): ReceiveOptions {
  return { accept, declared: { name, type } }
}

/** The error that `options` are refused with; undefined if they are accepted. */
export function refusal(options: ReceiveOptions): unknown {
  try {
    checkReceiveOptions(options)
    return undefined
  } catch (error) {
    return error
  }
}
