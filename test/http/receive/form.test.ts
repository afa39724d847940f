import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { TempFileError } from '../../../src/errors.ts'
import { ReceivedForm } from '../../../src/http/receive/form.ts'
import { asUploaded, type UploadedFile } from '../../../src/http/receive/uploaded-file.ts'
import { failure, failureSync } from '../../fixtures/failures.ts'
import { tempBase, tempManager } from '../../fixtures/temp-base.ts'

async function formOf(...fieldNames: string[]): Promise<ReceivedForm<string>> {
  const manager = tempManager()
  const files = fieldNames.map(async (fieldName) =>
    asUploaded(await manager.receive(fieldName), {
      fieldName,
      originalName: `${fieldName}.txt`,
      declaredType: undefined,
    }),
  )
  return new ReceivedForm({}, await Promise.all(files))
}

const left = ({ files }: ReceivedForm<string>): string[] =>
  files.filter(({ path }) => existsSync(path)).map(({ fieldName }) => fieldName)

/** A file whose removal fails, in each of the ways that a form has. */
function failing(file: UploadedFile): UploadedFile {
  const fail = (): never => {
    throw new TempFileError('ERR_TEMP_CLEANUP', 'It cannot be removed.')
  }
  return Object.assign(file, {
    remove: async () => fail(),
    removeSync: fail,
    [Symbol.dispose]: fail,
    [Symbol.asyncDispose]: async () => fail(),
  })
}

describe('received forms', () => {
  test('a form finds the first file of a field', async () => {
    const form = await formOf('a', 'b', 'b')
    expect(form.file('b')).toBe(form.files[1])
    expect(form.file('c')).toBeUndefined()
  })

  test.each([
    ['remove', (form: ReceivedForm<string>) => form.remove()],
    ['removeSync', (form: ReceivedForm<string>) => form.removeSync()],
    ['await using', (form: ReceivedForm<string>) => form[Symbol.asyncDispose]()],
    ['using', (form: ReceivedForm<string>) => form[Symbol.dispose]()],
  ])('a form removes its files by %s, and a second time nothing more', async (_, end) => {
    const form = await formOf('a', 'b')
    await end(form)
    await end(form)
    expect(left(form)).toEqual([])
  })

  test('a form leaves a file that has another owner', async () => {
    const form = await formOf('a', 'b')
    const destination = join(tempBase(), 'kept')
    await form.file('a')?.persist(destination)
    await form.remove()
    expect(left(form)).toEqual([])
    expect(readFileSync(destination, 'utf8')).toBe('a')
  })

  test('a form removes also a file that its user took out of the list', async () => {
    const form = await formOf('a', 'b')
    const [first] = form.files.splice(0, 1)
    await form.remove()
    expect(first?.disposed).toBe(true)
  })

  test('a form removes the other files when one cannot be removed, and throws its error', async () => {
    const form = await formOf('a', 'b', 'c')
    failing(form.files[1] as UploadedFile) // there are three
    await failure('ERR_TEMP_CLEANUP', () => form.remove())
    expect(left(form)).toEqual(['b'])
  })

  test('a form removes the other files synchronously when one cannot be removed, and throws its error', async () => {
    const form = await formOf('a', 'b', 'c')
    failing(form.files[0] as UploadedFile) // there are three
    failureSync('ERR_TEMP_CLEANUP', () => form.removeSync())
    expect(left(form)).toEqual(['a'])
  })
})
