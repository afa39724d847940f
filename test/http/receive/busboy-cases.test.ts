// The cases of busboy's own test suite (MIT, Brian White; read from its package) on receiveForm, whole and byte by byte.
// A form that busboy reads is read alike. Differences are deliberate: a limit refuses the form instead of cutting it short,
// and a broken form is refused as a whole.

import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { type FormOptions, receiveForm } from '../../../src/http/index.ts'
import { isTempFileError, type TempFileErrorCode } from '../../../src/index.ts'
import { displayName } from '../../../src/input/names.ts'
import { tempManager } from '../../fixtures/temp-base.ts'

/** A case of busboy's suite. */
interface Case {
  readonly what: string
  readonly source: readonly string[]
  readonly boundary: string
  readonly limits?: Readonly<Record<string, number>>
  readonly expected: readonly (Result | string)[]
}
interface Result {
  readonly type?: 'field' | 'file'
  readonly name: string
  readonly val?: string
  readonly data?: Uint8Array
  readonly info: { readonly filename?: string }
}

/** The table at the head of one of its test files. */
function casesOf(file: string): readonly Case[] {
  const root = dirname(createRequire(import.meta.url).resolve('busboy/package.json'))
  const program = readFileSync(join(root, 'test', file), 'utf8')
  const table = /^const tests = (\[[\s\S]*?^\]);/m.exec(program)?.[1]
  if (table === undefined) throw new Error(`${file} has no table of tests.`)
  return runInNewContext(table, { Buffer }) as readonly Case[] // the table of busboy 1.6
}

/** The cases whose answer is an error. */
const REFUSED: Readonly<Record<string, TempFileErrorCode>> = {
  'No fields and no files': 'ERR_TEMP_FORM_INVALID',
  'Fields and files (limits)': 'ERR_TEMP_TOO_LARGE',
  'Fields and files (limits: 0 files)': 'ERR_TEMP_TOO_LARGE',
  'Stopped mid-header': 'ERR_TEMP_TRUNCATED',
  'Stopped mid-file #1': 'ERR_TEMP_TRUNCATED',
  'Stopped mid-file #2': 'ERR_TEMP_TRUNCATED',
  'Parts limit': 'ERR_TEMP_TOO_LARGE',
  'Fields limit': 'ERR_TEMP_TOO_LARGE',
  'Files limit': 'ERR_TEMP_TOO_LARGE',
  'Oversized part header': 'ERR_TEMP_FORM_INVALID',
}

/** The cases whose program does not listen for a kind of part: busboy leaves that out, and a form has it. */
const MORE: Readonly<Record<string, object>> = {
  'Fields and (ignored) files': {
    files: [
      ['upload_file_0', '1k_a.dat', 'A'.repeat(1023)],
      ['upload_file_1', '1k_b.dat', 'B'.repeat(1023)],
    ],
  },
  'Skip field parts if no listener': { fields: { file_name_0: 'a'.repeat(64 * 1024) } },
}

function optionsOf({ limits = {} }: Case): FormOptions {
  const { fileSize, fieldSize, files, parts, fields } = limits
  return {
    maxFileBytes: fileSize,
    maxFieldBytes: fieldSize === Number.POSITIVE_INFINITY ? '1gb' : fieldSize,
    maxFiles: files,
    maxParts: parts,
    maxFields: fields,
  }
}

function expectedOf({ what, expected }: Case): object {
  const code = REFUSED[what]
  if (code !== undefined) return { code }
  const results = expected.filter((each) => typeof each !== 'string')
  const files = results.filter(({ type }) => type === 'file')
  return {
    fields: Object.fromEntries(
      results.filter(({ type }) => type === 'field').map(({ name, val }) => [name, val]),
    ),
    // A name is never a path here, and never longer than a file system allows.
    files: files.map(({ name, data, info }) => [
      name,
      displayName(info.filename ?? ''),
      Buffer.from(data ?? []).toString(),
    ]),
    ...MORE[what],
  }
}

/** Receives the pieces as a form; nothing may be left but the form's own files. */
async function receive(
  pieces: readonly Uint8Array[],
  boundary: string,
  options: FormOptions,
): Promise<object> {
  const manager = tempManager()
  const request = new Request('http://localhost', {
    method: 'POST',
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: ReadableStream.from(pieces),
    duplex: 'half',
  })
  try {
    await using form = await receiveForm(request, manager, options)
    const files = form.files.map(async ({ fieldName, originalName, path }) => [
      fieldName,
      originalName,
      await readFile(path, 'utf8'),
    ])
    return { fields: { ...form.fields }, files: await Promise.all(files) }
  } catch (error) {
    if (!isTempFileError(error)) throw error
    expect(manager.stats()).toMatchObject({ entries: 0, bytes: 0 })
    return { code: error.code }
  }
}

const CASES = casesOf('test-types-multipart.js')

test.each(CASES)('the busboy case $what gives the expected form or refusal', async (each) => {
  const pieces = each.source.map((text) => Buffer.from(text))
  expect(await receive(pieces, each.boundary, optionsOf(each))).toEqual(expectedOf(each))
})

// Each byte is a chunk of a web stream; longer bodies are cut at every byte in multipart-parser.test.ts.
test.each(CASES.filter(({ source }) => source.join('').length < 8192))(
  'the busboy case $what, byte by byte, gives the expected form or refusal',
  async (each) => {
    const bytes = Array.from(Buffer.from(each.source.join('')), (byte) => Uint8Array.of(byte))
    expect(await receive(bytes, each.boundary, optionsOf(each))).toEqual(expectedOf(each))
  },
)
