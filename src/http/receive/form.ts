// A form that was received. Guarantee: removing it removes every file that it still owns, also after one of the removals
// failed.

import { asyncDispose, dispose } from '../../runtime/dispose.ts'
import type { UploadedFile } from './uploaded-file.ts'

/** A form that has been received whole. `Value`: what a text field is; `unknown` with `decodeJsonParts`. */
export interface Form<Value = string | string[]> extends Disposable, AsyncDisposable {
  /**
   * The text fields by name, names as sent (`user[name]` stays so); a field that came more than once is an array. The
   * record has no prototype: `__proto__` is a name like any other.
   */
  readonly fields: Readonly<Record<string, Value>>
  /** The files, in the order in which they came. A file input left empty sends none. */
  readonly files: UploadedFile[]
  /** The first file of a field; undefined where it has none. */
  file(fieldName: string): UploadedFile | undefined
  /** Removes all of its files now. Idempotent; a failure can be tried again. @throws ERR_TEMP_CLEANUP */
  remove(): Promise<void>
  /** As {@link remove}, synchronously. @throws ERR_TEMP_CLEANUP */
  removeSync(): void
}

export class ReceivedForm<Value> implements Form<Value> {
  readonly fields: Readonly<Record<string, Value>>
  readonly files: UploadedFile[]
  /** Also what its user takes out of `files`. */
  readonly #received: readonly UploadedFile[]

  constructor(fields: Readonly<Record<string, Value>>, files: readonly UploadedFile[]) {
    this.fields = fields
    this.files = [...files]
    this.#received = files
  }

  file(fieldName: string): UploadedFile | undefined {
    return this.files.find((file) => file.fieldName === fieldName)
  }

  remove(): Promise<void> {
    return endAll(this.#received, (file) => file.remove())
  }

  removeSync(): void {
    endAllSync(this.#received, (file) => file.removeSync())
  }

  [asyncDispose](): Promise<void> {
    return endAll(this.#received, (file) => file[asyncDispose]())
  }

  [dispose](): void {
    endAllSync(this.#received, (file) => file[dispose]())
  }
}

/** Ends every file, then throws the first error. */
async function endAll(
  files: readonly UploadedFile[],
  end: (file: UploadedFile) => PromiseLike<void>,
): Promise<void> {
  const results = await Promise.allSettled(files.map(end))
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

function endAllSync(files: readonly UploadedFile[], end: (file: UploadedFile) => void): void {
  const errors: unknown[] = []
  for (const file of files) {
    try {
      end(file)
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length > 0) throw errors[0]
}
